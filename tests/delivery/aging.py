"""A plan that was made some time ago."""

import datetime as dt

from jobs import lake
from jobs.delivery.ledger import Plan
from jobs.ops.crm_plans import TABLE


def made_days_ago(plan: Plan, days: float) -> None:
    """Move the making of a plan back in time; the states it came into since stay."""
    rows = lake.read(TABLE.name).to_pylist()
    for row in rows:
        if (row["plan_id"], row["state"]) == (plan.plan_id, plan.state):
            row["at"] -= dt.timedelta(days=days)
    lake.replace(TABLE, rows, "connection = 'tryton'")
