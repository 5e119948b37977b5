"""How the deliveries of each connection stand, in ops.crm_health, and what a person must mend."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from jobs import lake
from jobs.delivery import mapping as mappings
from jobs.delivery.controls import Controls, dead_letters
from jobs.delivery.ledger import FINAL, OPEN_STATES, Ledger, Plan
from jobs.delivery.mapping import MappingError
from jobs.ops.crm_health import TABLE
from jobs.sql import literal

WAITING_HOURS = 24.0  # of a plan for a person
UNKNOWN_HOURS = 1.0  # of an answer that did not come


def refresh(at: dt.datetime) -> dict[str, dict[str, Any]]:
    """Look at every connection that has a plan, and write down what is so; rows by connection."""
    found = {}
    for connection in mappings.names():
        if Ledger(connection).plans():
            found[connection] = looked_at(connection, at)
            lake.replace(TABLE, [found[connection]], f"connection = {literal(connection)}")
    return found


def looked_at(connection: str, at: dt.datetime) -> dict[str, Any]:
    """The row of one connection."""
    ledger = Ledger(connection)
    plans = ledger.plans()
    newest = plans[-1]
    letters = dead_letters(connection)
    open_ = ledger.unresolved()
    applied = [plan.at for plan in plans if plan.state == "applied"]
    pause = Controls(connection).pause()
    return {
        "connection": connection,
        "plan_number": newest.plan_number,
        "state": newest.state,
        "state_at": newest.at,
        "applied_at": max(applied, default=None),
        "backlog": backlog(ledger, newest),
        "blocked": json.dumps(blocked(ledger, newest)),
        "rejected": len(letters),
        "rejected_by": json.dumps(Counter(str(each["reason"]) for each in letters)),
        "unknown": len(open_),
        "unknown_since": min((each["at"] for each in open_), default=None),
        "paused_by": pause["person"] if pause else None,
        "looked_at": at,
    }


def backlog(ledger: Ledger, plan: Plan) -> int:
    if plan.state not in OPEN_STATES:
        return 0
    done = [event for event in ledger.outcomes(plan.plan_id).values() if event in FINAL]
    return plan.records - len(done)


def blocked(ledger: Ledger, plan: Plan) -> dict[str, int]:
    """Fields of a plan that were left alone, by reason."""
    where = f"plan_id = {literal(plan.plan_id)} and action = 'blocked' group by reason"
    rows = ledger.rows("ops.crm_plan_items", where, "reason, count(*) as n")
    return {str(row["reason"]): row["n"] for row in rows}


def faults(rows: Mapping[str, Mapping[str, Any]], at: dt.datetime) -> dict[str, str]:
    """What a person must mend, by unit, in words."""
    told = {}
    for connection, row in rows.items():
        try:
            limits = mappings.load(connection).limits
        except MappingError as error:  # of one connection: the others are looked at all the same
            words = [str(error)]
        else:
            words = _words(row, at, limits.refused_share)
        if words:
            told[f"delivery to {connection}"] = "; ".join(words)
    return told


def _words(row: Mapping[str, Any], at: dt.datetime, refused_share: float) -> list[str]:
    words = []
    if row["state"] == "waiting" and _hours(row["state_at"], at) > WAITING_HOURS:
        words.append(f"plan {row['plan_number']} waits for a person since {_day(row['state_at'])}")
    if row["unknown"] and _hours(row["unknown_since"], at) > UNKNOWN_HOURS:
        words.append(f"{row['unknown']:,} records without an answer: run `apply` or `plan`")
    plan = Ledger(row["connection"]).plan(str(row["plan_number"]))
    if row["rejected"] > max(10, refused_share * plan.customers):
        words.append(f"the CRM refuses {row['rejected']:,} records: see `dead list`")
    return words


def _hours(since: dt.datetime, at: dt.datetime) -> float:
    return (at - since).total_seconds() / 3600


def _day(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
