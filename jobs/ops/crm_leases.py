"""ops.crm_leases: one row per connection: which installation may deliver to it, and until when.

On one machine a lock of the operating system keeps two deliveries apart; this does it where several
machines deliver from one lake.
"""

from jobs.table import Log

SCHEMA = """
    connection string    not null comment 'jobs/delivery/connections/<connection>.yaml',
    holder     string    not null comment 'of the installation: a random name in its state folder',
    until_at   timestamp not null comment 'UTC; after it another one may take it',
    taken_at   timestamp not null comment 'UTC'
"""

TABLE = Log("ops.crm_leases", SCHEMA, partition_by=("connection",))
