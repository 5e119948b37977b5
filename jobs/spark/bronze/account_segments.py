"""bronze.account_segments: one row per customer and day that a champion told a segment of."""

from jobs.table import Landed

SCHEMA = """
    account_id string not null comment 'customer',
    segment_id bigint comment 'the same from week to week; null: near no segment',
    segment_code string comment 'its name in segments.yaml; null: as segment_id',
    segment_name string comment 'the name as people read it; null: as segment_id',
    segment_name_zh string comment 'the same in Chinese',
    week_before_id bigint
        comment 'where the same version puts the customer as of a week before; null: nowhere',
    distance double comment 'to the centre of the segment, standard deviations; null: no segment',
    silhouette double
        comment '-1 to 1, higher: nearer to its own segment than to others; null: no segment',
    model_name string not null comment 'registered name of the champion',
    model_version string not null comment 'its version in the registry',
    feature_version bigint not null comment 'version of the feature table that it read',
    as_of_date date not null comment 'last business day that the model may have seen',
    valid_until date not null comment 'last business day on which the segment should be used'
"""

TABLE = Landed(
    "bronze.account_segments",
    SCHEMA,
    entity="account_segments",
    # our own models wrote it: one bad row is a fault of ours, not of a source
    max_refused_share=0.0,
    max_refused_rows=0,
)
