"""ops.crm_holdout: one row per experiment and customer: the arm that was drawn at first sight.

An arm stays, whatever the experiment's share becomes. Where accounts of both arms turn out to be
one customer they are contaminated: to be left out when the arms are compared.
"""

from jobs.table import Log

SCHEMA = """
    experiment      string    not null comment 'of jobs/delivery/experiments.yaml',
    account_id      string    not null comment 'customer, as the outbox calls it',
    arm             string    not null comment 'held: is shown no score, or treated',
    seen_at         timestamp not null comment 'UTC; when it was drawn',
    contaminated_at timestamp          comment 'UTC; joined with one of the other arm; null = not'
"""

TABLE = Log("ops.crm_holdout", SCHEMA, partition_by=("experiment",))
