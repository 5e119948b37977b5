"""ops.gate_checks: one row per condition that a decision about a champion looked at."""

from jobs.table import Log

SCHEMA = """
    decision_id   string    not null comment 'the decision in ops.promotions',
    decided_at    timestamp not null comment 'UTC',
    family        string    not null comment 'also the name of the registered model',
    model_version string    not null comment 'registered version that was looked at',
    condition     string    not null comment 'such as beats_baseline, shuffled_labels or exposure',
    subject       string             comment 'group or table; null: the version as a whole',
    outcome       string    not null comment 'passed, refused, accepted, told or does not apply',
    value         double             comment 'what was measured, see docs/registry.md; null: none',
    value_low     double             comment 'lower end of its 95% interval; null: it has none',
    value_high    double             comment 'upper end of its 95% interval; null: it has none',
    limit_low     double             comment 'below it the version is refused; null: no such end',
    limit_high    double             comment 'above it the version is refused; null: no such end',
    subjects      bigint             comment 'accounts, series or rows that were looked at',
    reason        string    not null comment 'the same as a sentence'
"""

TABLE = Log("ops.gate_checks", SCHEMA)
