"""ops.crm_health: one row per connection: how its deliveries stand, as of the last look."""

from jobs.table import Log

SCHEMA = """
    connection    string    not null comment 'jobs/delivery/connections/<connection>.yaml',
    plan_number   bigint             comment 'newest plan; null: there is none',
    state         string             comment 'of that plan: planned, waiting, applied, …',
    state_at      timestamp          comment 'UTC; since when it is in it',
    applied_at    timestamp          comment 'UTC; end of the last apply that sent all it meant',
    backlog       bigint    not null comment 'customers of an open plan still to be written',
    blocked       string    not null comment 'JSON: fields of that plan left alone, by reason',
    rejected      bigint    not null comment 'customers whose values the CRM refused: dead letters',
    rejected_by   string    not null comment 'JSON: these by reason',
    unknown       bigint    not null comment 'customers sent to without an answer so far',
    unknown_since timestamp          comment 'UTC; the oldest of these; null = none',
    paused_by     string             comment 'person who paused it; null = it is not paused',
    looked_at     timestamp not null comment 'UTC'
"""

TABLE = Log("ops.crm_health", SCHEMA, partition_by=("connection",))
