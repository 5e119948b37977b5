"""bronze.deliveries: one row per connection and customer: what became of the newest delivery."""

from jobs.table import Landed

SCHEMA = """
    connection string not null comment 'jobs/delivery/connections/<connection>.yaml',
    account_id string not null comment 'customer',
    event string not null comment 'newest of the customer in ops.crm_deliveries: written, data, …',
    reason string comment 'why it was not written; null otherwise',
    event_at timestamp not null comment 'UTC; of that event',
    written_at timestamp comment 'UTC; when the CRM last took a write, be it to clear; null: never',
    plan_id string not null comment 'ops.crm_plans, that the event is of',
    cleared_for string comment 'why that plan took back all of ours; null: it gave something'
"""

TABLE = Landed(
    "bronze.deliveries",
    SCHEMA,
    entity="deliveries",
    # we wrote it ourselves: one bad row is a fault of ours, not of a source
    max_refused_share=0.0,
    max_refused_rows=0,
    is_snapshot_whole=True,
)
