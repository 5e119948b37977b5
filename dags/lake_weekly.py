"""The week's housekeeping: small files are joined, old versions removed, every table looked over.

**optimize** joins the small files that daily builds leave; **vacuum** removes the files of versions
older than the layer's retention, but none that a champion, or the one before it, learnt from;
**check** reads every table's log and compares it with the folder: it fails where files are missing
or cut, a commit or a checkpoint is broken, or versions are gone. What was done and found stands in
`ops.upkeep`.

**Impact:** none on what tables say: no row changes. A build goes first: a table that is being built
is left for a later attempt, and an upkeep that a build waits for is interrupted. Failed? Next
week's run does the same work; where check found something, `docs/operate.md` says what to do.
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
