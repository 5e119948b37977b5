"""ops.builds: one row per build of a table, also of one that wrote nothing."""

from jobs.table import Log

SCHEMA = """
    table_name      string    not null comment 'layer and name, such as silver.order_lines',
    run_id          string    not null comment 'one build; also in the commit it wrote',
    kind            string    not null comment 'changed, everything, named or nothing',
    why             string    not null comment 'what made the build necessary, in words',
    outcome         string    not null comment 'written, unchanged, refused or failed',
    slices          bigint             comment 'slices or units that were built',
    slices_written  bigint             comment 'slices or rows that differed',
    rows_landed     bigint             comment 'rows in the files; above bronze: that went in',
    rows_made       bigint             comment 'rows of the candidate',
    rows_written    bigint             comment 'rows that were written',
    rows_refused    bigint             comment 'rows that went to quarantine',
    rows_duplicate  bigint             comment 'exact copies that were dropped',
    rows_superseded bigint             comment 'older versions that were dropped',
    seconds         double             comment 'wall time',
    watermark       string             comment 'JSON: code and input versions that hold now',
    table_id        string             comment 'id of the Delta table',
    table_version   bigint             comment 'version that holds after this build',
    error           string             comment 'why it was refused or failed',
    started_at      timestamp not null comment 'UTC',
    finished_at     timestamp not null comment 'UTC'
"""

TABLE = Log("ops.builds", SCHEMA, partition_by=("table_name",))
