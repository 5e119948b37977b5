"""silver.calendar: one row per day, from the first week with sales to eight weeks after the last.

The weeks ahead are there for the forecasts: a holiday is known long before.
"""

import json

import holidays
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.table import Entities, Input, everything

COUNTRY = "US"  # whose public holidays the shops keep, on the day itself (no substitute days)
HOLIDAY_YEARS = range(2015, 2036)
FIRST_WEEK_MONDAY = "2016-12-26"  # of the source's week 1; weeks are numbered on from there
WEEKS_AHEAD = 8

SCHEMA = """
    calendar_date date not null comment 'day at the shop',
    week_start_date date not null comment 'Monday of the business week',
    business_week int not null comment 'week as the source counts: 1 begins on 2016-12-26',
    day_of_week int not null comment '1 = Monday … 7 = Sunday',
    has_sales boolean not null comment 'at least one line was sold',
    is_complete_week boolean not null comment 'each day of its week has sales',
    is_holiday boolean not null comment 'public holiday in the United States',
    holiday_name string comment 'null on other days'
"""


def days(open_days: DataFrame) -> DataFrame:
    """Every day of all weeks touched, and of the weeks ahead; none where nothing was sold."""
    first = F.to_date(F.date_trunc("week", F.min("business_date")))
    last = F.to_date(F.date_trunc("week", F.max("business_date")))
    span = F.sequence("first", F.date_add("last", 7 * WEEKS_AHEAD + 6))
    return open_days.agg(first.alias("first"), last.alias("last")).select(
        F.explode(span).alias("calendar_date")
    )


def holiday_name(date: str) -> Column:
    """The name of the public holiday on a date column, null on other days."""
    names = holidays.country_holidays(COUNTRY, years=HOLIDAY_YEARS, observed=False)
    text = json.dumps({day.isoformat(): name for day, name in sorted(names.items())})
    known = F.from_json(F.lit(text), "map<string,string>")
    return F.try_element_at(known, F.col(date).cast("string"))


def make(lines: DataFrame) -> DataFrame:
    open_days = lines.select("business_date").distinct()
    sold = open_days.select(F.col("business_date").alias("calendar_date"), F.lit(1).alias("sold"))
    week = F.to_date(F.date_trunc("week", "calendar_date"))
    days_sold = F.count("sold").over(Window.partitionBy("week_start_date"))
    return (
        days(open_days)
        .join(sold, on="calendar_date", how="left")
        .withColumn("week_start_date", week)
        .withColumn("holiday_name", holiday_name("calendar_date"))
        .select(
            "calendar_date",
            "week_start_date",
            F.expr(
                f"cast(datediff(week_start_date, date'{FIRST_WEEK_MONDAY}') / 7 + 1 as int)"
            ).alias("business_week"),
            (F.weekday("calendar_date") + 1).alias("day_of_week"),
            F.col("sold").isNotNull().alias("has_sales"),
            (days_sold == 7).alias("is_complete_week"),
            F.col("holiday_name").isNotNull().alias("is_holiday"),
            "holiday_name",
        )
    )


TABLE = Entities(
    "silver.calendar",
    SCHEMA,
    key=("calendar_date",),
    # the first and the last day sold decide where it begins and ends
    inputs=(Input("silver.order_lines", touches=everything),),
    make=make,
)
