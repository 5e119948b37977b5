"""The week's housekeeping: small files are joined, old versions removed, every table looked over.

**optimize** joins the small files that daily builds leave; **vacuum** removes the files of versions
older than the layer's retention (features and scores are kept long enough to refit a model of last
year); **check** fails where a table's log names files that are gone, and counts those that no
version needs.

**Impact:** none on what tables say: no row changes. Where a build writes the same table, the build
goes first and the upkeep is tried again. Failed? Next week's run does the same work.
"""

from airflow.sdk import DAG, chain

from dags.tasks import DEFAULTS, boxes, cron
from jobs.table import LAYERS

with DAG(
    "lake_weekly",
    doc_md=__doc__,
    schedule=cron("0 22 * * SAT"),
    catchup=False,
    max_active_runs=1,
    # one table at a time: builds that run meanwhile keep the other slots
    max_active_tasks=1,
    default_args=DEFAULTS,
    tags=["weekly", "upkeep"],
):
    layers = (*LAYERS, "ops")
    week = boxes(
        optimize=tuple(f"optimize.{layer}" for layer in layers),
        vacuum=tuple(f"vacuum.{layer}" for layer in layers),
        check=tuple(f"check.{layer}" for layer in layers),
    )
    for layer in layers:
        chain(*(week[f"{step}.{layer}"] for step in ("optimize", "vacuum", "check")))
