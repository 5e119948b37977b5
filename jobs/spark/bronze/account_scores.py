"""bronze.account_scores: one row per customer and score of a champion, as it was landed."""

from jobs.table import Landed

SCHEMA = """
    account_id string not null comment 'customer',
    score_name string not null comment 'what is scored, such as churn',
    campaign_id string comment 'campaign that is asked about; null: none is',
    score double not null comment 'see score_name',
    low double comment 'lower end of its 80% interval, in its unit; null: it has none',
    high double comment 'upper end of its 80% interval, in its unit; null: it has none',
    grade string not null comment 'A (best) to E, by the edges that the version carries',
    reasons string not null comment 'JSON: up to 5 of code, en and zh, the strongest first',
    model_name string not null comment 'registered name of the champion',
    model_version string not null comment 'its version in the registry',
    feature_version bigint not null comment 'version of the feature table that it read',
    as_of_date date not null comment 'last business day that the model may have seen',
    valid_until date not null comment 'last business day on which the score should be used'
"""

TABLE = Landed(
    "bronze.account_scores",
    SCHEMA,
    entity="account_scores",
    # our own models wrote it: one bad row is a fault of ours, not of a source
    max_refused_share=0.0,
    max_refused_rows=0,
)
