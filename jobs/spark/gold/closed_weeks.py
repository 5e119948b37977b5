"""gold.closed_weeks: one row per business week that is over: its Sunday or a later day has sales.

What is told by whole weeks looks here how far it can be told. A row comes once a week: on the other
days nothing is built because of it.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.table import Entities, Input, everything

SCHEMA = """
    week_start_date date not null comment 'Monday of the business week',
    week_end_date date not null comment 'its Sunday',
    business_week int not null comment 'week as the source counts: 1 begins on 2016-12-26'
"""


def make(calendar: DataFrame) -> DataFrame:
    newest = calendar.where("has_sales").agg(F.max("calendar_date").alias("newest_date"))
    return (
        calendar.where("day_of_week = 7")
        .crossJoin(F.broadcast(newest))
        .where("calendar_date <= newest_date")
        .select("week_start_date", F.col("calendar_date").alias("week_end_date"), "business_week")
    )


TABLE = Entities(
    "gold.closed_weeks",
    SCHEMA,
    key=("week_start_date",),
    # the newest day sold closes weeks in which nothing changed
    inputs=(Input("silver.calendar", touches=everything),),
    make=make,
)
