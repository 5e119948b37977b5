"""Next actions as tasks of a CRM: for whom one may be made, which were, and what became of them.

A task is a salesperson's from the moment it is there: none is made twice for a key (customer,
playbook, period), changed or taken back. Who the customer is there, and what they do not want, is
known by the connection that delivers their scores.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from jobs import lake
from jobs.crm.adapter import Result, Values
from jobs.delivery import mapping as mappings
from jobs.delivery import subjects
from jobs.delivery.access import connect
from jobs.delivery.entries import ACTIONS
from jobs.delivery.ledger import Plan, ToWrite
from jobs.delivery.mapping import ConnectionMap
from jobs.delivery.scratch import keep, load
from jobs.sql import literal

NAME = "ops.crm_tasks"
COLUMNS = (
    "task_key varchar, account_id varchar, playbook varchar, period_start_date date, "
    "plan_id varchar, made_at timestamptz, record_id varchar, state varchar, outcome varchar, "
    "closed_date date"
)
# of an event: the CRM has the task, or may have it
REACHED = ("written", "unknown")
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Customer:
    """Who a task is about, as the CRM has them."""

    record_id: str | None
    why: str | None  # there is no one record of theirs
    values: Values  # what is said there of what they do not want


def told(
    version: int, today: dt.date | None, theirs: ConnectionMap, customers: Mapping[str, Customer]
) -> Iterator[subjects.Told]:
    """The actions that are to be tasks, each with why it must not be one (null: it may).

    Args:
        version: of scores.next_actions.
        today: business day; what should be done before it is no more. Null: none is over.
        theirs: mapping of the customers' connection.
        customers: by account_id.
    """
    willing, held = subjects.addressed(today)

    def why(row: subjects.Row) -> str | None:
        if gone := subjects.gone(row, willing, held, today):
            return gone
        customer = customers.get(row["account_id"])
        if customer is None or customer.why is not None:
            return f"customer_{customer.why if customer else 'not_in_crm'}"
        return refusal(theirs, row["channel"], customer.values)

    asked = "select * from t where action <> 'nothing'"
    for batch in lake.stream(ACTIONS, at=version, sql=asked):
        rows = batch.to_pylist()
        made = pa.Table.from_pylist([_row(row, customers) for row in rows])
        yield subjects.Told(made, [why(row) for row in rows])


def _row(row: subjects.Row, customers: Mapping[str, Customer]) -> dict[str, Any]:
    customer = customers.get(row["account_id"])
    key = "|".join(str(row[name]) for name in ("account_id", "playbook", "period_start_date"))
    return {
        **row,
        subjects.TASK_KEY: key,
        subjects.CUSTOMER: customer.record_id if customer else None,
    }


def refusal(theirs: ConnectionMap, channel: str, values: Values) -> str | None:
    """Why a customer must not be contacted by a channel; null: they may be."""
    for reason, said in theirs.refusals(channel if channel in theirs.restrictions else None):
        if values.get(said.field) == said.value:
            return reason
    return None


class Consent:
    """Whether a task may still be made, asked again before it is."""

    def __init__(self, plan: Plan, mapping: ConnectionMap) -> None:
        assert mapping.customers is not None
        self._theirs = mappings.load(mapping.customers)
        self._crm = connect(self._theirs)
        asked = "select account_id, channel, valid_until from t where action <> 'nothing'"
        rows = lake.read(ACTIONS, at=plan.outbox_version, sql=asked).to_pylist()
        self._actions = {row["account_id"]: row for row in rows}
        self._field = mapping.showing(subjects.CUSTOMER)
        days = [plan.as_of_date, subjects.business_day(ACTIONS, plan.outbox_version)]
        self._today = max((day for day in days if day), default=None)

    def refused(self, of: ToWrite) -> dict[str, Result]:
        """Who of the customers must not get their task, and why.

        Raises:
            CrmError: the customers' CRM cannot be asked.
        """
        ids = {a: str(wanted[self._field]) for a, wanted in of.wanted.items() if self._field}
        found = self._crm.get(set(ids.values()), self._theirs.rights_fields)
        willing, held = subjects.addressed(self._today)
        refused = {}
        for account, record_id in ids.items():
            action, customer = self._actions[account], found.get(record_id)
            why = subjects.gone(action, willing, held, self._today)
            if why is None and not (customer and customer.is_active):
                why = "customer_is_gone"
            if why is None and customer:
                why = refusal(self._theirs, action["channel"], customer.values)
            if why is not None:
                refused[account] = Result(account, "conflict", why)
        return refused


def noted(db: duckdb.DuckDBPyConnection, mapping: ConnectionMap, instance: str) -> None:
    """Load `made`, and write down what became of those by the CRM's `mirror`."""
    load_made(db, mapping, instance)
    refreshed(db, mapping, instance)


def load_made(db: duckdb.DuckDBPyConnection, mapping: ConnectionMap, instance: str) -> None:
    """Load `made`: the tasks that the ledger has as made, or as sent without an answer."""
    mine = f"connection = {literal(mapping.connection)}"
    events = (
        "plan_id varchar, account_id varchar, record_id varchar, event varchar, sequence bigint"
    )
    reached = f"crm_instance = {literal(instance)} and {lake.one_of('event', REACHED)}"
    load(
        *(db, "reached_tasks", "ops.crm_deliveries", f'{events}, "at" timestamptz'),
        f"{mine} and {reached}",
    )
    key = literal(mapping.create_by.field)
    load(
        *(db, "sent_tasks", "ops.crm_plan_items"),
        "plan_id varchar, account_id varchar, new_value varchar",
        f"{mine} and action = 'create' and field = {key}",
    )
    db.execute("""
        create or replace table made as
        select s.new_value as task_key, any_value(s.account_id) as account_id,
               arg_max(r.plan_id, r.sequence) as plan_id,
               arg_max(r.record_id, r.sequence) filter (r.record_id <> '') as record_id,
               min(r."at") as made_at
        from reached_tasks r join sent_tasks s using (plan_id, account_id)
        group by s.new_value
    """)


def refreshed(db: duckdb.DuckDBPyConnection, mapping: ConnectionMap, instance: str) -> None:
    """Write down what became of the tasks, from `made` and the CRM's `mirror`."""
    load(
        *(db, "old_tasks", NAME, COLUMNS),
        f"connection = {literal(mapping.connection)} and crm_instance = {literal(instance)}",
    )
    shown = {
        name: f"r.fields[{literal(field)}]" if (field := mapping.returns.get(name)) else "null"
        for name in ("state", "outcome", "closed_date")
    }
    key = f"r.fields[{literal(mapping.create_by.field)}]"
    db.execute(f"""
        create or replace table tasks as
        select m.task_key, m.account_id, string_split(m.task_key, '|')[-2] as playbook,
               string_split(m.task_key, '|')[-1]::date as period_start_date,
               m.plan_id, m.made_at, coalesce(r.record_id, m.record_id) as record_id,
               case when r.record_id is null then 'gone'
                    else coalesce({shown["state"]}, 'open') end as state,
               {shown["outcome"]} as outcome, {shown["closed_date"]}::date as closed_date
        from made m left join mirror r on {key} = m.task_key
        where r.record_id is not null or m.record_id is not null
    """)  # noqa: S608 quoted
    names = ", ".join(part.split()[0] for part in COLUMNS.split(", "))
    asked = f"select {names} from tasks except select {names} from old_tasks limit 1"  # noqa: S608
    if db.sql(asked).fetchall():
        keep(db, "tasks", NAME, mapping.connection, instance)


@dataclass(frozen=True)
class Acceptance:
    """What people did with the tasks of a playbook."""

    playbook: str
    made: int
    open: int
    done: int
    dismissed: int
    gone: int

    @property
    def decided(self) -> int:
        return self.done + self.dismissed + self.gone

    @property
    def share(self) -> float | None:
        """Done of all that people have decided on, from 0 to 1; null: none is. A task that is gone
        was not accepted: some CRMs delete what is dismissed."""
        return self.done / self.decided if self.decided else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the share, by Wilson, at 95%; null: there is none."""
        if not self.decided:
            return None
        # here: deliveries need no statistics
        from scipy.stats import binomtest

        found = binomtest(self.done, self.decided).proportion_ci(CONFIDENCE, method="wilson")
        return float(found.low), float(found.high)


def acceptance(connection: str) -> Sequence[Acceptance]:
    """By playbook, the one with most tasks first; none where no task was made."""
    if not lake.exists(NAME):
        return []
    asked = f"""
        select playbook, count(*) as made,
               sum(case when state = 'open' then 1 else 0 end) as open,
               sum(case when state = 'done' then 1 else 0 end) as done,
               sum(case when state = 'dismissed' then 1 else 0 end) as dismissed,
               sum(case when state = 'gone' then 1 else 0 end) as gone
        from t where connection = {literal(connection)}
        group by playbook order by made desc, playbook
    """  # noqa: S608 quoted
    return [Acceptance(**row) for row in lake.read(NAME, sql=asked).to_pylist()]
