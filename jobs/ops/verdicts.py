"""ops.verdicts: one row per rule of a table and build that judged it."""

from jobs.table import Log

SCHEMA = """
    table_name  string    not null comment 'layer and name',
    run_id      string    not null comment 'the build, as in ops.builds',
    rule        string    not null comment 'reason code, not_null(column) or key',
    severity    string    not null comment 'critical stops the build, warning is told',
    is_kept     boolean   not null comment 'true: the candidate keeps the rule',
    observed    string             comment 'what was seen instead, short',
    judged_at   timestamp not null comment 'UTC'
"""

TABLE = Log("ops.verdicts", SCHEMA, partition_by=("table_name",))
