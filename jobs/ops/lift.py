"""ops.lift: one row per experiment and last day: what delivered scores changed, beside hold-outs.

Filled by jobs/delivery/lift.py; measured again, a row is replaced.
"""

from jobs.table import Log

SCHEMA = """
    experiment      string    not null comment 'of jobs/delivery/experiments.yaml',
    from_date       date      not null comment 'first business date that counts: it began then',
    until_date      date      not null comment 'last business date that counts',
    outcome         string    not null comment 'measured, too early or too few',
    reason          string    not null comment 'of the outcome, in words',
    treated         bigint    not null comment 'customers delivered to, contaminated left out',
    held            bigint    not null comment 'customers shown nothing, contaminated left out',
    contaminated    bigint    not null comment 'customers left out: joined with the other arm',
    treated_usd     double             comment 'USD per treated customer; null: not measured',
    held_usd        double             comment 'USD per held customer; null: not measured',
    lift_usd        double             comment 'USD per customer more of the treated, adjusted',
    lift_usd_low    double             comment 'lower end of its 95% interval (Welch)',
    lift_usd_high   double             comment 'upper end of its 95% interval (Welch)',
    explained_share double             comment 'of the variance, by the time before; 0 to 1',
    measured_at     timestamp not null comment 'UTC'
"""

TABLE = Log("ops.lift", SCHEMA, partition_by=("experiment",))
