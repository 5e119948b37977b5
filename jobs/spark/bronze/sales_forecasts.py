"""bronze.sales_forecasts: one row per series and day or week ahead, as a champion landed it."""

from jobs.table import Landed

SCHEMA = """
    series_id string not null comment 'department',
    ds date not null comment 'day, or Monday of the week, that is forecast',
    horizon int not null comment 'steps of the grain after as_of_date, the first is 1',
    p10 double not null comment 'USD; sales stay below with probability .1',
    p50 double not null comment 'USD; median',
    p90 double not null comment 'USD; sales stay below with probability .9',
    model_name string not null comment 'registered name of the champion',
    model_version string not null comment 'its version in the registry',
    feature_version bigint not null comment 'version of the feature table that it read',
    as_of_date date not null comment 'last business day that the model may have seen',
    valid_until date not null comment 'last business day on which the forecast should be used',
    grain string not null comment 'week or day'
"""

TABLE = Landed(
    "bronze.sales_forecasts",
    SCHEMA,
    entity="sales_forecasts",
    # our own models wrote it: one bad row is a fault of ours, not of a source
    max_refused_share=0.0,
    max_refused_rows=0,
)
