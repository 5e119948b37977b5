"""ops.upkeep: one row per table and care that was taken of it: optimize, vacuum or check."""

from jobs.table import Log

SCHEMA = """
    table_name    string    not null comment 'layer and name, such as silver.order_lines',
    verb          string    not null comment 'optimize, vacuum or check',
    outcome       string    not null comment 'done, gave way (a build went first) or broken',
    table_version bigint             comment 'Delta version after it',
    files         bigint             comment 'files that this version is made of',
    bytes         bigint             comment 'size of these files',
    removed       bigint             comment 'files that optimize joined, or that vacuum deleted',
    orphans       bigint             comment 'of a check: files that no kept version needs',
    faults        string             comment 'of a check: what is wrong, in words; null = nothing',
    seconds       double    not null comment 'wall time',
    started_at    timestamp not null comment 'UTC'
"""

TABLE = Log("ops.upkeep", SCHEMA)
