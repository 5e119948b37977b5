"""ops.corrections: one row per refused row that a landed correction has mended, as received.

Not a BI table: it holds rows as they came, personal data included. It is a build's output like
ops.quarantine: where the correction is taken away again, the row is refused again.
"""

from jobs.table import Log

SCHEMA = """
    table_name  string        not null comment 'the bronze table that refused the row',
    batch_id    string        not null comment 'its batch, such as till/2017-03-05',
    source_file string        not null comment 'path below the landing folder',
    row_number  bigint        not null comment 'row in the file, from 1',
    rules       array<string> not null comment 'reason codes of the rules it broke',
    received    string        not null comment 'personal data; the row as it came, JSON',
    known_at    timestamp     not null comment 'UTC; when its batch was complete',
    mended_by   string        not null comment 'the batch that mends it, of the system corrections',
    run_id      string        not null comment 'the build that saw it'
"""

TABLE = Log("ops.corrections", SCHEMA, partition_by=("table_name",))
