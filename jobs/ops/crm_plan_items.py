"""ops.crm_plan_items: one row per plan, customer and field that is to change or is blocked."""

from jobs.table import Log

SCHEMA = """
    connection string not null comment 'jobs/delivery/connections/<connection>.yaml',
    plan_id    string not null comment 'ops.crm_plans',
    account_id string not null comment 'customer, as the outbox calls it',
    record_id  string          comment 'of the CRM; null = it has no such customer',
    field      string not null comment 'of the CRM; * = all of a blocked customer',
    action     string not null comment 'create, update, clear or blocked',
    old_value  string          comment 'personal data; text in the CRM when planned; null = empty',
    new_value  string          comment 'personal data; canonical text wanted; null = empty',
    reason     string          comment 'why it is blocked or cleared; null otherwise'
"""

TABLE = Log("ops.crm_plan_items", SCHEMA, partition_by=("connection",))
