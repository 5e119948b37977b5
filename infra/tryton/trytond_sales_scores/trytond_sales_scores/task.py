"""sales_scores.task: what a salesperson is to do for a party, and what came of it.

The pipeline's user makes one per key and never changes it; people say what they did with it, and
change nothing else. Nobody deletes one: its key tells the pipeline not to make it again.
"""

from trytond.i18n import gettext
from trytond.model import ModelSQL, ModelView, Unique, fields
from trytond.model.modelstorage import AccessError
from trytond.pool import Pool, PoolMeta
from trytond.pyson import Eval

from .party import is_pipeline

OPEN, DONE, DISMISSED = "open", "done", "dismissed"
CHANNELS = [("phone", "Phone"), ("email", "E-Mail"), ("post", "Post")]
# as an activity is called: salespeople's own words for what they do by a channel
ACTIVITIES = {"phone": "Call", "email": "Email", "post": "Letter"}
OUTCOMES = [
    (None, ""),
    ("ordered", "Ordered"),
    ("interested", "Interested"),
    ("not_interested", "Not Interested"),
    ("not_reached", "Not Reached"),
    ("wrong", "Not the Right Thing to Do"),
]
OF_PEOPLE = {"state", "outcome"}


class Task(ModelSQL, ModelView):
    "Sales Task"

    __name__ = "sales_scores.task"
    _rec_name = "text"

    party = fields.Many2One("party.party", "Party", required=True, ondelete="CASCADE")
    task_key = fields.Char("Key", required=True, help="Customer, playbook and period: made once.")
    playbook = fields.Char("Playbook", help="The rule that asks for it.")
    channel = fields.Selection(CHANNELS, "By", sort=False)
    text = fields.Text("What to Do")
    reasons = fields.Text("Reasons", help="One a line, the strongest first.")
    due_date = fields.Date("Due")
    expected_usd = fields.Numeric(
        "Expected (USD)",
        digits=(16, 2),
        help="In eight weeks. It rests on a share that is assumed, not measured.",
    )
    priority = fields.Integer("Priority", help="Among all tasks of its day; 1 is worth most.")
    state = fields.Selection(
        [(OPEN, "Open"), (DONE, "Done"), (DISMISSED, "Dismissed")],
        "State",
        required=True,
        sort=False,
        help="Dismissed: it was not done, and is not to be.",
    )
    outcome = fields.Selection(
        OUTCOMES, "Outcome", sort=False, states={"readonly": Eval("state") == OPEN}
    )
    closed_date = fields.Date("Done On", readonly=True)
    # for who reads tasks as activities
    activity = fields.Function(fields.Char("Activity"), "get_activity")
    is_open = fields.Function(fields.Boolean("Is Open"), "get_is_open")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints = [
            ("key_unique", Unique(table, table.task_key), "sales_scores.msg_task_key_unique")
        ]
        cls._order = [("state", "DESC"), ("due_date", "ASC"), ("priority", "ASC")]
        only_open = {"invisible": Eval("state") != OPEN, "depends": ["state"]}
        cls._buttons.update({"do": only_open, "dismiss": only_open})

    @staticmethod
    def default_state():
        return OPEN

    def get_activity(self, name):
        return "Dismissed" if self.state == DISMISSED else ACTIVITIES.get(self.channel)

    def get_is_open(self, name):
        return self.state == OPEN

    @classmethod
    @ModelView.button
    def do(cls, tasks):
        cls.write(tasks, {"state": DONE})

    @classmethod
    @ModelView.button
    def dismiss(cls, tasks):
        cls.write(tasks, {"state": DISMISSED})

    @classmethod
    def preprocess_values(cls, mode, values):
        values = super().preprocess_values(mode, values)
        if mode == "write" and "state" in values:
            today = Pool().get("ir.date").today()
            values["closed_date"] = None if values["state"] == OPEN else today
        return values

    @classmethod
    def check_modification(cls, mode, tasks, values=None, external=False):
        """The pipeline's user makes tasks; people say what they did with them."""
        super().check_modification(mode, tasks, values=values, external=external)
        if not external:
            return
        if is_pipeline(external):
            if mode != "create":
                raise AccessError(f"You are not allowed to {mode} tasks: only to make them.")
        elif mode == "delete":
            raise AccessError(gettext("sales_scores.msg_task_delete"))
        elif mode == "create" or set(values) - OF_PEOPLE:
            raise AccessError(gettext("sales_scores.msg_task_write"))


class Replace(metaclass=PoolMeta):
    __name__ = "party.replace"

    @classmethod
    def fields_to_replace(cls):
        return [*super().fields_to_replace(), ("sales_scores.task", "party")]


class Erase(metaclass=PoolMeta):
    __name__ = "party.erase"

    def to_erase(self, party_id):
        """What it says of a party goes; that it was there stays, so that it is not made again."""
        told = ["text", "reasons", "expected_usd"]
        mine = [("party", "=", party_id)]
        task = Pool().get("sales_scores.task")
        return [*super().to_erase(party_id), (task, mine, True, told, [None] * len(told))]
