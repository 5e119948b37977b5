"""ops.model_health: one row per score, day and measure: whether a champion still holds."""

from jobs.table import Log

SCHEMA = """
    score_name    string    not null comment 'as in scores.account_scores',
    as_of_date    date      not null comment 'newest day of that score when it was looked at',
    measure       string    not null comment 'scores, features, calibration, labels or overridden',
    subject       string    not null comment 'feature, or month and grade, or field; else all',
    value         double    not null comment 'see docs/model-health.md',
    value_low     double             comment 'lower end of its 95% interval; null: it has none',
    value_high    double             comment 'upper end of its 95% interval; null: it has none',
    limit_high    double             comment 'past it, of calibration either way, it is wrong',
    is_past       boolean   not null comment 'the value, or its whole interval, is past the limit',
    subjects      bigint    not null comment 'customers, or values in the CRM, that were looked at',
    compared_date date               comment 'day that it is held against; null: none is',
    model_version string    not null comment 'version that gave the newest scores',
    looked_at     timestamp not null comment 'UTC'
"""

TABLE = Log("ops.model_health", SCHEMA, partition_by=("score_name",))
