"""party.party gets scores (written by the pipeline's user), demographic bands and consent."""

from trytond.model import fields
from trytond.model.modelstorage import AccessError
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval
from trytond.transaction import Transaction

from .instance import may_create

# in characters; the web client makes a field as wide as its size, and the form with it
BAND, WORDS = 40, 20
GRADES = [(None, "")] + [(grade, grade) for grade in "ABCDE"]
TRENDS = [(None, "")] + [(t, t.title()) for t in ("improving", "steady", "declining", "new")]
# a trend is for us: of leaving, people would take one that declines for good news
TRENDS_OF_LEAVING = [
    (None, ""),
    ("improving", "Improving: Less Likely"),
    ("steady", "Steady"),
    ("declining", "Declining: More Likely"),
    ("new", "New"),
]
YOURS = "Yours once you change or clear it."
# what says who a customer is: no business of the pipeline, in what it creates neither
ABOUT = ("name", "addresses", "contact_mechanisms", "identifiers")


def is_pipeline(external):
    """Whether the pipeline's user asks, and not a module that works on behalf of it."""
    data, groups = Pool().get("ir.model.data"), Pool().get("res.user").get_groups()
    return external and data.get_id("sales_scores", "group_pipeline") in groups


class Party(metaclass=PoolMeta):
    __name__ = "party.party"

    age_band = fields.Char("Age", size=BAND)
    income_band = fields.Char("Income", size=BAND)
    home_ownership = fields.Char("Home", size=BAND)
    marital_status = fields.Char("Marital Status", size=BAND)
    household_size = fields.Char("Household Size", size=BAND)
    household_composition = fields.Char("Household", size=BAND)
    kids_count = fields.Char("Kids", size=BAND)

    no_marketing = fields.Boolean(
        "Objects to Marketing",
        help="No offers are shown here or made to the party.",
    )
    no_marketing_date = fields.Date("Objected On")
    replaced_by_code = fields.Function(
        fields.Char("Code of the Party Replacing It"), "get_replaced_by_code"
    )

    score_next_products = fields.Text(
        "Next Best Products", help="What to offer, one a line, the best first."
    )
    score_recency_band = fields.Char(
        "Last Bought", size=WORDS, help="How long before the day of As Of the last order was."
    )
    score_spend_band = fields.Char(
        "Spend of 12 Weeks", size=WORDS, help="Up to the day of As Of: none, low … very high."
    )
    score_last_order_date = fields.Date("Last Order", help="Up to the day of As Of.")
    score_name = fields.Char("Kind of Score", help="What is scored.")
    score_value = fields.Numeric(
        "Score",
        digits=(12, 4),
        help="The larger the better. Another model has another scale: compare grades.",
    )
    score_grade = fields.Selection(GRADES, "Grade", sort=False, help=f"A (best) to E. {YOURS}")
    score_trend = fields.Selection(
        TRENDS,
        "Trend",
        sort=False,
        help=f"Against the score before; new: there was none. {YOURS}",
    )
    score_reasons = fields.Text("Reasons", help="One a line, the strongest first.")
    score_churn_grade = fields.Selection(
        GRADES,
        "Likely to Leave (Grade)",
        sort=False,
        help=f"A (least likely) to E (most likely). {YOURS}",
    )
    score_churn_trend = fields.Selection(
        TRENDS_OF_LEAVING,
        "Trend of Leaving",
        sort=False,
        help=f"Against the chance before; new: it was not asked. {YOURS}",
    )
    score_churn_chance = fields.Numeric(
        "Chance of Leaving",
        digits=(12, 4),
        help="Of no order in the next four weeks: 0 (none) to 1 (certain).",
    )
    score_churn_reasons = fields.Text(
        "Why Likely to Leave, or Not", help="One reason a line, the strongest first."
    )
    score_offer_campaign = fields.Char(
        "Next Campaign", help="Number of the next campaign that addresses the customer."
    )
    score_offer_grade = fields.Selection(
        GRADES,
        "Next Campaign (Grade)",
        sort=False,
        help=f"A (most likely to answer it) to E. {YOURS}",
    )
    score_offer_chance = fields.Numeric(
        "Chance of an Answer",
        digits=(12, 4),
        help="Of a coupon of the next campaign being used: 0 (none) to 1 (certain).",
    )
    score_expected_usd = fields.Numeric(
        "Expected Spend, 8 Weeks (USD)",
        digits=(16, 2),
        help="What is expected in the next eight weeks.",
    )
    score_expected_grade = fields.Selection(
        GRADES,
        "Expected Spend (Grade)",
        sort=False,
        help=f"A (most) to E. {YOURS}",
    )
    score_segment = fields.Char(
        "Segment", help="The kind of customer: those of one segment shop alike. Empty: in none."
    )
    score_as_of = fields.Date(
        "As Of", help="The last business day that the model may have known of."
    )
    score_valid_until = fields.Date(
        "Valid Until",
        help="The last business day on which to use the score; then it is taken away.",
        domain=[
            "OR",
            ("score_valid_until", "=", None),
            ("score_as_of", "=", None),
            ("score_valid_until", ">=", Eval("score_as_of")),
        ],
    )
    score_model_version = fields.Char("Made By", help="The model and its version.")
    score_link = fields.Char(
        "What It Means",
        states={"invisible": ~Bool(Eval("score_link"))},
        help="A page about how scores are made, and what to do where one is wrong.",
    )

    sales_tasks = fields.One2Many("sales_scores.task", "party", "Tasks")

    @fields.depends("no_marketing", "no_marketing_date")
    def on_change_no_marketing(self):
        """The day is filled in for a person at the form; an objection without one holds as well."""
        today = Pool().get("ir.date").today()
        self.no_marketing_date = (self.no_marketing_date or today) if self.no_marketing else None

    def get_replaced_by_code(self, name):
        return self.replaced_by.code if self.replaced_by else None

    @classmethod
    def copy(cls, parties, default=None):
        """Tasks are of one party: their keys are."""
        return super().copy(parties, default={"sales_tasks": None, **(default or {})})

    @classmethod
    def check_modification(cls, mode, parties, values=None, external=False):
        """The pipeline's user writes scores, and nothing else."""
        super().check_modification(mode, parties, values=values, external=external)
        if not is_pipeline(external):
            return
        others = {name for name in values or {} if not name.startswith("score_")}
        is_creating = mode == "create" and may_create()
        if is_creating:
            others = {name for name in ABOUT for party in parties if getattr(party, name)}
        if (mode in {"create", "delete"} and not is_creating) or others:
            names = ", ".join(sorted(others)) or "parties"
            raise AccessError(f"You are not allowed to {mode} {names}: only scores.")


def touch(parties):
    """E-mail and address are the party's: who reads what changed finds them by `write_date`."""
    Party = Pool().get("party.party")
    deleted = Transaction().delete_records[Party.__name__]
    if there := [party for party in parties if party.id not in deleted]:
        Party.write(there, {})


class OutOfReach:
    """What belongs to a party and is none of the pipeline's business."""

    @classmethod
    def check_modification(cls, mode, records, values=None, external=False):
        super().check_modification(mode, records, values=values, external=external)
        if is_pipeline(external):
            raise AccessError(f"You are not allowed to {mode} {cls.__name__}: only scores.")


class ContactMechanism(OutOfReach, metaclass=PoolMeta):
    __name__ = "party.contact_mechanism"

    @classmethod
    def on_modification(cls, mode, mechanisms, field_names=None):
        super().on_modification(mode, mechanisms, field_names=field_names)
        touch({mechanism.party for mechanism in mechanisms})


class Address(OutOfReach, metaclass=PoolMeta):
    __name__ = "party.address"

    @classmethod
    def on_modification(cls, mode, addresses, field_names=None):
        super().on_modification(mode, addresses, field_names=field_names)
        touch({address.party for address in addresses})


class Identifier(OutOfReach, metaclass=PoolMeta):
    __name__ = "party.identifier"
