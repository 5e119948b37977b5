"""ops.extra_columns: one row per column of a landed batch that its table has no place for.

Bronze keeps the values in `_extra`. It is a build's output like ops.quarantine: once SCHEMA has the
column, the next build takes its rows away.
"""

from jobs.table import Log

SCHEMA = """
    table_name  string    not null comment 'the bronze table that reads the batch',
    column_name string    not null comment 'as the file names it',
    batch_id    string    not null comment 'system and batch, such as till/2017-03-05',
    known_at    timestamp not null comment 'UTC; when the batch was complete',
    run_id      string    not null comment 'the build that read it'
"""

TABLE = Log("ops.extra_columns", SCHEMA, partition_by=("table_name",))
