"""ops.crm_echoes: one row per delivered value that the CRM shows as another text.

Found when a plan is verified: a CRM may wrap, trim or round what it is given. Such a text counts
as ours.
"""

from jobs.table import Log

SCHEMA = """
    connection   string    not null comment 'jobs/delivery/connections/<connection>.yaml',
    crm_instance string    not null comment 'token of the CRM; one set up anew has another',
    plan_id      string    not null comment 'ops.crm_plans',
    account_id   string    not null comment 'customer, as the outbox calls it',
    field        string    not null comment 'of the CRM',
    value        string             comment 'personal data; as delivered; null = empty',
    echo         string             comment 'personal data; as shown; null = empty',
    at           timestamp not null comment 'UTC'
"""

TABLE = Log("ops.crm_echoes", SCHEMA, partition_by=("connection",))
