"""ops.crm_state: one row per customer and field that a connection delivered: what counts as ours.

Made from ops.crm_deliveries, crm_plan_items and crm_echoes; it can be deleted, and is then made
anew.
"""

from jobs.table import Log

SCHEMA = """
    connection   string    not null comment 'jobs/delivery/connections/<connection>.yaml',
    crm_instance string    not null comment 'token of the CRM; one set up anew has another',
    account_id   string    not null comment 'customer, as the outbox calls it',
    field        string    not null comment 'of the CRM',
    record_id    string    not null comment 'of the CRM',
    is_written   boolean   not null comment 'false: only sent, unknown whether it came',
    value        string             comment 'personal data; written last, canonical; null = empty',
    maybe        array<string>      comment 'personal data; sent later, unknown whether it came',
    echo         string             comment 'personal data; what the CRM made of the value',
    has_echo     boolean   not null comment 'the CRM made another text of it',
    plan_id      string    not null comment 'that sent it last',
    sequence     bigint    not null comment 'of the event in ops.crm_deliveries',
    at           timestamp not null comment 'UTC; of that event'
"""

TABLE = Log("ops.crm_state", SCHEMA, partition_by=("connection",))
