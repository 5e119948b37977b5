"""What a salesperson's report tells, read from the lake: a week, its weeks before, what waits."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs import lake
from jobs.lake import NoSuchTable

NOBODY = "none"  # as in scores.rep_weeks
WEEKS = 12  # before the week
MOVED = 6  # customers each way
ROWS = 15  # of a list
AHEAD_DAYS = 14  # in which a renewal is told
TASK_STATES = ("open", "done", "dismissed", "gone")

Row = Mapping[str, Any]


class NoSuchWeek(Exception):
    """That week is not over, or has no sales."""


@dataclass(frozen=True)
class Moved:
    """A customer's week beside the mean of those before."""

    account_id: str
    usd: float
    mean_usd: float

    @property
    def change(self) -> float:
        return self.usd - self.mean_usd


@dataclass(frozen=True)
class Rep:
    """One salesperson's week."""

    rep_id: str
    week: Row  # of scores.rep_weeks
    weeks: Sequence[Row]  # it and those before, oldest first
    up: Sequence[Moved]
    down: Sequence[Moved]
    follow_ups: Sequence[Row]
    actions: Sequence[Row]
    renewals: Sequence[Row]
    tasks: Sequence[Row]


@dataclass(frozen=True)
class Week:
    """All that the reports of a week are written from."""

    start: dt.date
    end: dt.date
    is_newest: bool  # what waits is told of now: not in a report of an earlier week
    as_of: dt.date | None  # of what waits
    reps: Sequence[Rep]


def read(week: dt.date | None = None) -> Week | None:
    """A week that is over (null: the newest), by any day of it; null: none is over yet.

    Raises:
        NoSuchWeek: it is none of scores.rep_weeks.
    """
    newest = _rows("scores.rep_weeks", "select max(week_start_date) as newest from t")[0]["newest"]
    if newest is None:
        return None
    start = newest if week is None else week - dt.timedelta(days=week.weekday())
    first = start - dt.timedelta(weeks=WEEKS)
    between = f"week_start_date between date '{first}' and date '{start}'"
    told = _rows("scores.rep_weeks", f"select * from t where {between} order by week_start_date")  # noqa: S608
    if not told or told[-1]["week_start_date"] != start:
        raise NoSuchWeek(
            f"the week of {start} is none of scores.rep_weeks, whose newest is that of {newest}; "
            "ask for a day of a week that is over and was sold in"
        )
    of = _of_reps()
    is_newest = start == newest
    waiting = _waiting() if is_newest else []
    weeks = _by(told, lambda row: str(row["rep_id"]))
    follow_ups = _by((w for w in waiting if w["kind"] != "next_action"), of)
    actions = _by((w for w in waiting if w["kind"] == "next_action"), of)
    renewals = _by(_due(start) if is_newest else (), of)
    moved = _moved(start, len({row["week_start_date"] for row in told}) - 1, of)
    tasks = _tasks(of)
    reps = [
        Rep(
            rep_id=rep,
            week=of_rep[-1],
            weeks=of_rep,
            up=_most(moved.get(rep, []), 1),
            down=_most(moved.get(rep, []), -1),
            follow_ups=follow_ups.get(rep, []),
            actions=actions.get(rep, []),
            renewals=renewals.get(rep, []),
            tasks=tasks.get(rep, []),
        )
        for rep, of_rep in sorted(weeks.items(), key=lambda one: (one[0] == NOBODY, one[0]))
    ]
    as_of = max((w["as_of_date"] for w in waiting), default=None)
    return Week(start, start + dt.timedelta(days=6), is_newest, as_of, reps)


def _rows(name: str, sql: str) -> list[Row]:
    try:
        return [*lake.read(name, sql=sql).to_pylist()]
    except NoSuchTable:
        if name.startswith("ops."):  # made with its first row
            return []
        raise


def _by(rows: Iterable[Row], of: Callable[[Row], str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[of(row)].append(row)
    return found


def _of_reps() -> Callable[[Row], str]:
    """Who looks after the customer that a row is about."""
    told = _rows("silver.accounts", "select account_id, rep_id from t where rep_id is not null")
    reps = {row["account_id"]: row["rep_id"] for row in told}
    same = "select account_id, customer_id from t where account_id <> customer_id"
    customers = {
        r["account_id"]: r["customer_id"] for r in _rows("silver.account_identities", same)
    }

    def of(row: Row) -> str:
        account = row["account_id"]
        return str(reps.get(customers.get(account, account), NOBODY))

    return of


def _waiting() -> list[Row]:
    """What was begun before what a customer may buy; then what is latest, or worth more."""
    order = """order by case when kind = 'renewal_overdue' then 1 else 0 end, days_overdue desc,
        expected_amount desc nulls last, account_id, kind, subject"""
    return _rows("scores.follow_ups", f"select * from t {order}")  # noqa: S608 - our own words


def _due(start: dt.date) -> list[Row]:
    """Renewals of the two weeks after a week."""
    first, last = (start + dt.timedelta(days=n) for n in (7, 6 + AHEAD_DAYS))
    when = f"where due_date between date '{first}' and date '{last}'"
    order = "order by expected_amount desc nulls last, due_date, account_id, subject"
    return _rows("gold.renewals", f"select * from t {when} {order}")  # noqa: S608 - our own words


def _moved(start: dt.date, weeks: int, of: Callable[[Row], str]) -> dict[str, list[Moved]]:
    """Every customer's week beside the mean of the weeks before, as many as there are."""
    first, last = start - dt.timedelta(weeks=WEEKS), start + dt.timedelta(days=6)
    is_of_week = f"business_date >= date '{start}'"
    asked = f"""select account_id, sum(case when {is_of_week} then sales_usd else 0 end) as usd,
        sum(case when {is_of_week} then 0 else sales_usd end) as before from t
        where business_date between date '{first}' and date '{last}' group by account_id"""  # noqa: S608
    found: dict[str, list[Moved]] = defaultdict(list)
    for row in _rows("gold.account_days", asked) if weeks else ():
        mean = float(row["before"]) / weeks
        found[of(row)].append(Moved(row["account_id"], float(row["usd"]), mean))
    return found


def _most(moved: Sequence[Moved], way: int) -> list[Moved]:
    """Those who moved most upwards (1) or downwards (-1)."""
    in_order = sorted(moved, key=lambda each: (-way * each.change, each.account_id))
    return [each for each in in_order[:MOVED] if way * each.change > 0]


def _tasks(of: Callable[[Row], str]) -> dict[str, list[Row]]:
    """By salesperson and playbook, what became of the tasks so far."""
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for row in _rows("ops.crm_tasks", "select account_id, playbook, state from t"):
        states = counts.setdefault((of(row), row["playbook"]), dict.fromkeys(TASK_STATES, 0))
        states[row["state"]] += 1
    found: dict[str, list[Row]] = defaultdict(list)
    for (rep, playbook), states in sorted(counts.items()):
        decided = sum(states.values()) - states["open"]
        share = states["done"] / decided if decided else None
        found[rep].append({"playbook": playbook, **states, "accepted": share})
    return found
