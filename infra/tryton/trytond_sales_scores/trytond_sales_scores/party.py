"""party.party gets scores (written by the pipeline's user), demographic bands and consent."""

from trytond.model import fields
from trytond.model.modelstorage import AccessError
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Eval
from trytond.transaction import Transaction

from .instance import may_create

BAND = 40  # characters
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

    score_next_products = fields.Text("Next Best Products", help="One a line, the best first.")
    score_recency_band = fields.Char("Recency", size=BAND)
    score_spend_band = fields.Char("Spend", size=BAND)
    score_last_order_date = fields.Date("Last Order")
    score_name = fields.Char("Score Name", size=BAND)
    score_value = fields.Numeric("Score", digits=(12, 4))
    score_grade = fields.Selection([(None, "")] + [(g, g) for g in "ABCDE"], "Grade")
    score_trend = fields.Selection(
        [
            (None, ""),
            ("improving", "Improving"),
            ("steady", "Steady"),
            ("declining", "Declining"),
            ("new", "New"),
        ],
        "Trend",
    )
    score_reasons = fields.Text("Reasons", help="One a line, the strongest first.")
    score_as_of = fields.Date("As Of")
    score_valid_until = fields.Date(
        "Valid Until",
        domain=[
            "OR",
            ("score_valid_until", "=", None),
            ("score_as_of", "=", None),
            ("score_valid_until", ">=", Eval("score_as_of")),
        ],
    )
    score_model_version = fields.Char("Model", size=80)

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
