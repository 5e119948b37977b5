"""The hourly look: is anything late, is anything well again, does a message still wait?

**lateness** compares each source's newest drop and each table's last good build with what is due
when (`jobs/due.py`), and tells people once of what is late, once when it is there. A fault whose
table was built by hand meanwhile is closed. A message that no server took is sent again. Then
**tell** brings `ops.freshness` up to date: without a run it would not know that it is late.

Failures and refusals are told of by the task that meets them, at once; who is told stands in the
secret `alerts`.

**Impact:** none on tables; without it nobody hears of a run that never began.
"""

from airflow.sdk import DAG

from dags.tasks import DEFAULTS, boxes, cron

with DAG(
    "watch",
    doc_md=__doc__,
    schedule=cron("15 * * * *"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["hourly", "alerts"],
):
    hour = boxes(watch=("watch.lateness",), tell=("tell.freshness",))
    hour["watch.lateness"] >> hour["tell.freshness"]
