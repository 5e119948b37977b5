"""ops.quarantine: one row per refused row of a landed batch, as received, with the rules it broke.

Not a BI table: it holds rows as they came, personal data included. It is a build's output, replaced
per table and batch: a row that is no longer refused has left it, and one that a correction mends is
in ops.corrections.
"""

from jobs.table import Log

SCHEMA = """
    table_name  string        not null comment 'the bronze table that refused the row',
    batch_id    string        not null comment 'system and batch, such as till/2017-03-05',
    source_file string        not null comment 'path below the landing folder',
    row_number  bigint        not null comment 'row in the file, from 1; 0: the file itself',
    rules       array<string> not null comment 'reason codes of the rules it broke',
    received    string        not null comment 'personal data; the row as it came, JSON',
    rows        bigint        not null comment 'rows this entry stands for: 1, or a file',
    known_at    timestamp     not null comment 'UTC; when the batch was complete',
    refused_at  timestamp              comment 'UTC; when a build first refused it',
    run_id      string        not null comment 'the build that refused it'
"""

TABLE = Log("ops.quarantine", SCHEMA, partition_by=("table_name",))
