"""ops.crm_deliveries: one row per plan, customer and event: what was meant, and what became of it.

An `intent` stands before anything is sent. It is resolved by the next row of the same plan and
customer; an intent without one may or may not have reached the CRM.
"""

from jobs.table import Log

SCHEMA = """
    connection   string    not null comment 'jobs/delivery/connections/<connection>.yaml',
    crm_instance string    not null comment 'token of the CRM; one set up anew has another',
    plan_id      string    not null comment 'ops.crm_plans',
    account_id   string    not null comment 'customer, as the CRM calls it',
    record_id    string    not null comment 'of the CRM',
    revision     string    not null comment 'of the record when it was read before the write',
    event        string    not null comment 'intent, or what became of it: written, transient, …',
    reason       string             comment 'why it was not written',
    sequence     bigint    not null comment 'orders the events of a connection',
    at           timestamp not null comment 'UTC'
"""

TABLE = Log("ops.crm_deliveries", SCHEMA, partition_by=("connection",))
