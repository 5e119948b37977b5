"""ops.crm_controls: one row per word of a person about a connection: approve, pause, release, …"""

from jobs.table import Log

SCHEMA = """
    connection string    not null comment 'jobs/delivery/connections/<connection>.yaml',
    verb       string    not null
        comment 'approve, refuse, pause, resume, release, replay or discard',
    plan_id    string             comment 'of approve and refuse: ops.crm_plans',
    account_id string             comment 'of release, replay, discard; null = every customer',
    field      string             comment 'of release: of the CRM; null = every field',
    person     string    not null comment 'who said it',
    reason     string             comment 'in their words; null = none given',
    evidence   string             comment 'of approve: run and try of the task in Airflow',
    at         timestamp not null comment 'UTC'
"""

TABLE = Log("ops.crm_controls", SCHEMA, partition_by=("connection",))
