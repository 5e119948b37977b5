"""ops.quality: one row per rule of a table and build that judged it; a wide build judges in parts.

Written by the builds themselves. A rule of rows that bronze puts aside is counted where they were
put aside; which rows they are tells ops.quarantine.
"""

from jobs.table import Log

SCHEMA = """
    table_name   string    not null comment 'layer and name',
    run_id       string    not null comment 'the build, as in ops.builds',
    rule         string    not null comment 'reason code, type(column), not_null(column) or key',
    severity     string    not null
        comment 'critical: stops the build, warning: told, info: counted, row: put aside',
    is_kept      boolean   not null comment 'true: all rows keep the rule',
    rows_judged  bigint    not null comment 'rows that were looked at',
    rows_broken  bigint
        comment 'of them; of a key: keys; null = a rule of the whole, or not judged',
    broken_share double             comment 'rows broken / rows judged, 0 to 1',
    observed     string             comment 'broken, or why it could not be judged; empty = kept',
    judged_at    timestamp not null comment 'UTC'
"""

TABLE = Log("ops.quality", SCHEMA, partition_by=("table_name",))
