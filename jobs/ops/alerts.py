"""ops.alerts: one row per fault and event: opened, sent later, closed; the last one holds."""

from jobs.table import Log

SCHEMA = """
    unit        string    not null comment 'a task, such as silver.products, or what is late',
    event       string    not null comment 'opened, resent or closed',
    kind        string    not null comment 'failed, refused, late or worn',
    what        string    not null comment 'in words, without values of rows',
    cure        string    not null comment 'what a person can do',
    look        string    not null comment 'where to look',
    since_at    timestamp not null comment 'UTC; when the fault was opened',
    sending     string    not null comment 'of the message: sent, waiting, nobody to tell',
    happened_at timestamp not null comment 'UTC'
"""

TABLE = Log("ops.alerts", SCHEMA)
