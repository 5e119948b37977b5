"""ops.crm_plans: one row per delivery plan and state that it has been in.

A plan is `planned`, or `waiting` for a person where it is out of the connection's limits; then
`approved`, `applying`, and `applied` or `partly` so, where the CRM put customers off. It is
`superseded` by a newer one, `expired` when nobody answered in time, `refused` by a person or for
its size, or `reverted`.
"""

from jobs.table import Log

SCHEMA = """
    connection      string    not null comment 'jobs/delivery/connections/<connection>.yaml',
    plan_number     bigint    not null comment 'counts up in a connection, from 1',
    plan_id         string    not null comment 'sha256 of the plan and its items, hexadecimal',
    kind            string             comment 'deliver, or revert: puts back what one changed',
    state           string    not null comment 'planned, waiting, approved, applying, applied, …',
    at              timestamp not null comment 'UTC; when it came into this state',
    crm_instance    string    not null comment 'token of the CRM; one set up anew has another',
    mapping_sha256  string    not null comment 'of the connection file',
    outbox_version  bigint    not null comment 'Delta version of scores.crm_outbox',
    as_of_date      date               comment 'business day the plan is of; null = empty outbox',
    items_sha256    string             comment 'of all its items in order, hexadecimal',
    customers       bigint             comment 'customers that were compared',
    records         bigint    not null comment 'customers to be written',
    creates         bigint             comment 'of them: that the CRM does not have yet',
    updates         bigint    not null comment 'fields that get a value',
    clears          bigint    not null comment 'fields that are emptied',
    unchanged       bigint    not null comment 'fields that already are as they should be',
    blocked         bigint    not null comment 'fields left alone; why: crm_plan_items',
    cleared         bigint             comment 'customers that had values and keep none',
    flips           bigint             comment 'customers whose grade becomes another',
    leaps           bigint             comment 'of them: by two grades or more',
    reads           bigint             comment 'read requests needed',
    calls           bigint    not null comment 'write requests needed',
    quota_share     double             comment 'reads and calls / requests granted a day, 0 to 1',
    minutes         double             comment 'expected time of an apply',
    needs_person    string             comment 'which limits it is out of; null = none',
    requester       string             comment 'who asked for it',
    reverts         string             comment 'of a revert: id of the plan that it takes back',
    note            string             comment 'counts of what apply or verify found'
"""

TABLE = Log("ops.crm_plans", SCHEMA, partition_by=("connection",))
