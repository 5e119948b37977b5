"""party.party gets scores (written by the pipeline's user), demographic bands and consent."""

from trytond.model import fields
from trytond.model.modelstorage import AccessError
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Bool, Eval
from trytond.transaction import Transaction

from .instance import may_create

# in characters; the web client makes a field as wide as its size, and the form with it
BAND, WORDS = 40, 20
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
    score_grade = fields.Selection(
        [(None, "")] + [(g, g) for g in "ABCDE"],
        "Grade",
        sort=False,
        help="A (best) to E. Yours once you change or clear it.",
    )
    score_trend = fields.Selection(
        [
            (None, ""),
            ("improving", "Improving"),
            ("steady", "Steady"),
            ("declining", "Declining"),
            ("new", "New"),
        ],
        "Trend",
        sort=False,
        help="Against the score before; new: there was none. Yours once you change or clear it.",
    )
    score_reasons = fields.Text("Reasons", help="One a line, the strongest first.")
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

    @fields.depends("no_marketing", "no_marketing_date")
    def on_change_no_marketing(self):
        """The day is filled in for a person at the form; an objection without one holds as well."""
        today = Pool().get("ir.date").today()
        self.no_marketing_date = (self.no_marketing_date or today) if self.no_marketing else None

    def get_replaced_by_code(self, name):
        return self.replaced_by.code if self.replaced_by else None

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
