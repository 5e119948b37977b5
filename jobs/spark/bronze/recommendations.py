"""bronze.recommendations: one row per customer and rank of a champion's list, as it was landed."""

from jobs.table import Landed

SCHEMA = """
    account_id string not null comment 'customer',
    rank int not null comment 'place in the list, 1 is the best',
    product_id string not null comment 'article recommended',
    score double not null comment 'of the model, comparable within one answer',
    reason_code string not null comment 'why, such as bought_often',
    model_name string not null comment 'registered name of the champion',
    model_version string not null comment 'its version in the registry',
    feature_version bigint not null comment 'version of the feature table that it read',
    as_of_date date not null comment 'last business day that the model may have seen',
    valid_until date not null comment 'last business day on which the list should be used'
"""

TABLE = Landed(
    "bronze.recommendations",
    SCHEMA,
    entity="recommendations",
    # our own models wrote it: one bad row is a fault of ours, not of a source
    max_refused_share=0.0,
    max_refused_rows=0,
)
