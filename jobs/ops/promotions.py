"""ops.promotions: one row per decision about a champion."""

from jobs.table import Log

SCHEMA = """
    decided_at       timestamp not null comment 'UTC',
    family           string    not null comment 'also the name of the registered model',
    decision         string    not null comment 'promoted, refused or rolled_back',
    model_version    string    not null comment 'registered version that was looked at',
    configuration    string    not null comment 'model and a hash of its settings',
    previous_version string             comment 'champion before; null if there was none',
    bench_run_id     string             comment 'MLflow run that judged the configuration',
    reason           string    not null comment 'every rule of the gate with its numbers',
    decision_id      string             comment 'its rows in ops.gate_checks; null: an older one',
    accepted_by      string             comment 'who took over what the gate refused; null: nobody'
"""

TABLE = Log("ops.promotions", SCHEMA)
