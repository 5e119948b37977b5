"""What is late, stuck or worn, and what is well again: looked for every hour by the DAG `watch`."""

import datetime as dt
from typing import Any

from jobs import alerts, due, model_health
from jobs.alerts import Fault
from jobs.delivery import health
from jobs.settings import settings

LATE_TABLES = "late tables"
LEARN = "see ops.model_health; training_weekly learns again, and is asked for where that may help"
RUN = "see the last run of sales_daily: start it, or mend what stopped it"
DELIVER = "see `python -m jobs.delivery status`, and ops.crm_health"
ASK = "ask the source for its drop; once it is there, run sales_daily"


def look(at: dt.datetime) -> dict[str, Any]:
    """Look for what is late, close what is well, send what waits; returns what is open then."""
    late = {f"late {each.name}": str(each) for each in due.late_drops(at)}
    told = [u for u in alerts.open_faults() if u.startswith("late ") and u != LATE_TABLES]
    for unit in dict.fromkeys((*late, *told)):
        _keep(unit, late.get(unit), ASK, at)
    stuck = health.faults(health.refresh(at), at)
    told = [unit for unit in alerts.open_faults() if unit.startswith("delivery to ")]
    for unit in dict.fromkeys((*stuck, *told)):
        dag_id = settings().delivery_dags.get(unit.removeprefix("delivery to "))
        _keep(unit, stuck.get(unit), DELIVER, at, dag_id)
    worn = model_health.faults(model_health.newest())
    told = [unit for unit in alerts.open_faults() if unit.startswith("model of ")]
    for unit in dict.fromkeys((*worn, *told)):
        _keep(unit, worn.get(unit), LEARN, at, "training_weekly", "worn")
    tables = due.late_tables(at)
    some = "; ".join(str(each) for each in tables[:3])
    _keep(LATE_TABLES, f"{len(tables)} tables: {some}" if tables else None, RUN, at)
    built = due.last_good_builds()
    for unit, fault in alerts.open_faults().items():
        # by hand: a task of Airflow closes its own
        if unit in built and built[unit] > fault.since_at:
            alerts.well(unit)
    alerts.send_what_waits()
    return {"open": sorted(alerts.open_faults())}


def _keep(
    unit: str,
    what: str | None,
    cure: str,
    at: dt.datetime,
    dag: str | None = "sales_daily",
    kind: alerts.Kind = "late",
) -> None:
    """A fault that is there is open, one that is not is closed; null: no DAG is its own."""
    if what is None:
        alerts.well(unit)
    else:
        alerts.report(
            Fault(unit, kind, what, cure, f"{settings().airflow_url}/dags/{dag or ''}", at)
        )
