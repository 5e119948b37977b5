"""ops.crm_tasks: one row per task that a connection made in its CRM, and what people did with it.

Made from ops.crm_deliveries, crm_plan_items and crm_mirror with each plan of the connection; it can
be deleted, and is then made anew.
"""

from jobs.table import Log

SCHEMA = """
    connection        string    not null comment 'jobs/delivery/connections/<connection>.yaml',
    crm_instance      string    not null comment 'token of the CRM; one set up anew has another',
    task_key          string    not null comment 'account_id, playbook and period, joined by a bar',
    account_id        string    not null comment 'customer',
    playbook          string    not null comment 'of next_actions.yaml, that asked for it',
    period_start_date date      not null comment 'first day of the period that it was made for',
    plan_id           string    not null comment 'ops.crm_plans, that made it',
    made_at           timestamp not null comment 'UTC; when the CRM had it',
    record_id         string             comment 'of the CRM; null = the CRM did not tell it',
    state             string    not null
        comment 'open, done, dismissed; gone: the CRM has it no more',
    outcome           string             comment 'in the words of the CRM; null = nothing is said',
    closed_date       date               comment 'when it was done or dismissed; null = it is not'
"""

TABLE = Log("ops.crm_tasks", SCHEMA, partition_by=("connection",))
