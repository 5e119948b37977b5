"""ops.crm_deliveries: one row per plan, customer and event: what was meant, and what became of it.

An `intent` stands before anything is sent. It is resolved by the next row of the same plan and
customer; an intent without one may or may not have reached the CRM.
"""

from jobs.table import Log

SCHEMA = """
    connection   string    not null comment 'jobs/delivery/connections/<connection>.yaml',
    crm_instance string    not null comment 'token of the CRM; one set up anew has another',
    plan_id      string    not null comment 'ops.crm_plans',
    account_id   string    not null comment 'customer, as the outbox calls it',
    record_id    string    not null comment 'of the CRM; empty = not created yet',
    revision     string    not null comment 'of the record when it was read before the write',
    event        string    not null comment 'intent, sent, or what became: written, transient, …',
    reason       string             comment 'why it was not written; no value, no name',
    job          string             comment 'of an event sent: the CRM calls its bulk job so',
    attempt      bigint             comment 'how often it was tried in this plan, from 1',
    next_try_at  timestamp          comment 'UTC; of what was put off: not before',
    sequence     bigint    not null comment 'orders the events of a connection',
    at           timestamp not null comment 'UTC'
"""

TABLE = Log("ops.crm_deliveries", SCHEMA, partition_by=("connection",))
