"""ops.crm_plans: one row per delivery plan and state that it has been in.

A plan is `waiting`, then `applying`, `applied` and `verified` (or `differs`); it is `partly` sent
where the CRM put customers off, until the next apply goes on. A newer plan makes one that is not
applied `superseded`, or `expired` where it had grown too old to be sent.
"""

from jobs.table import Log

SCHEMA = """
    connection      string    not null comment 'jobs/delivery/connections/<connection>.yaml',
    plan_number     bigint    not null comment 'counts up in a connection, from 1',
    plan_id         string    not null comment 'sha256 of the plan and its items, hexadecimal',
    state           string    not null comment 'waiting, applying, partly, applied, verified, …',
    at              timestamp not null comment 'UTC; when it came into this state',
    crm_instance    string    not null comment 'token of the CRM; one set up anew has another',
    mapping_sha256  string    not null comment 'of the connection file',
    outbox_version  bigint    not null comment 'Delta version of scores.crm_outbox',
    as_of_date      date               comment 'business day the plan is of; null = empty outbox',
    records         bigint    not null comment 'customers to be written',
    updates         bigint    not null comment 'fields that get a value',
    clears          bigint    not null comment 'fields that are emptied',
    unchanged       bigint    not null comment 'fields that already are as they should be',
    blocked         bigint    not null comment 'fields left alone; why: crm_plan_items',
    calls           bigint    not null comment 'write requests needed',
    note            string             comment 'counts of what apply or verify found'
"""

TABLE = Log("ops.crm_plans", SCHEMA, partition_by=("connection",))
