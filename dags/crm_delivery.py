"""Delivery: what the outbox says reaches the CRM, field by field, once; a DAG per connection.

The outbox is `scores.crm_outbox`; of a connection that makes tasks it is `scores.next_actions`.

**plan** compares it with what the CRM holds and with what was delivered before,
and writes down every value to update or to clear, and what it may not touch; **approve** waits for
a person where the plan is out of its connection's limits, and for nobody else; **apply** sends
exactly that plan, intent logged before, results after; **verify** reads back and compares. A field
that a salesperson changed stays theirs.

Runs when the outbox has a new version, and every morning: values expire, people edit, an answer
that was lost is settled. While a plan waits, a newer one takes its place. It delivers the newest
version that was meant for the CRM: a backfill's is passed over unless its run was told to
`deliver`. A run triggered by hand delivers the newest.

**Impact:** salespeople see the scores of this run. Failed? Clear the red task: nothing is sent
twice.
"""

from airflow.sdk import DAG, AssetOrTimeSchedule, chain

from dags.tasks import DEFAULTS, asset, cron, delivery, outbox_of
from jobs.settings import settings

for connection, dag_id in settings().delivery_dags.items():
    with DAG(
        dag_id,
        doc_md=f"{__doc__}\n**Connection:** {connection}",
        schedule=AssetOrTimeSchedule(
            timetable=cron("0 7 * * *"),
            assets=asset(outbox_of(connection)),
        ),
        catchup=False,
        # a run that waits for a person must not keep a newer plan from taking its place
        max_active_runs=4,
        default_args=DEFAULTS,
        tags=["daily", "crm", connection],
    ):
        chain(*delivery(connection))
