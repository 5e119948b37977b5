"""features.sales_daily_series: one row per department and business date, zeros included.

A series begins on the day of its first sale. A day on which every shop was closed is a zero too, if
sales go on within a week.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.table import Events, Input, everything, window

LONGEST_CLOSURE_DAYS = 7  # days without any sale after this many are not zeros, they do not exist

SCHEMA = """
    series_id string not null comment 'department, as in gold.daily_sales',
    business_date date not null comment 'day at the shop',
    sales_usd double not null comment 'USD that the shops receive, all lines',
    is_holiday boolean not null comment 'public holiday, known in advance',
    promotion_share double not null comment 'of the week, as in features.sales_weekly, 0 to 1',
    is_complete_week boolean not null comment 'each day of its week has sales'
"""


def business_days(calendar: DataFrame) -> DataFrame:
    """Days with sales, and closed days that are followed by a day with sales."""
    closed_before = F.sequence(
        F.date_sub("calendar_date", LONGEST_CLOSURE_DAYS), F.col("calendar_date")
    )
    going_on = (
        calendar.where("has_sales")
        .select(F.explode(closed_before).alias("calendar_date"))
        .distinct()
    )
    return calendar.join(going_on, on="calendar_date", how="semi").select(
        F.col("calendar_date").alias("business_date"),
        "week_start_date",
        "is_holiday",
        "is_complete_week",
    )


def make(
    daily_sales: DataFrame, departments: DataFrame, weekly: DataFrame, calendar: DataFrame
) -> DataFrame:
    sales = daily_sales.groupBy("department", "business_date").agg(
        F.sum("sales_usd").cast("double").alias("sales_usd")
    )
    plan = weekly.select(
        F.col("series_id").alias("department"), "week_start_date", "promotion_share"
    )
    started = F.expr("first_sale_date <= business_date")
    return (
        business_days(calendar)
        .join(F.broadcast(departments), on=started, how="inner")
        .join(sales, on=["department", "business_date"], how="left")
        .join(plan, on=["department", "week_start_date"], how="left")
        .select(
            F.col("department").alias("series_id"),
            "business_date",
            F.coalesce("sales_usd", F.lit(0.0)).alias("sales_usd"),
            "is_holiday",
            F.coalesce("promotion_share", F.lit(0.0)).alias("promotion_share"),
            "is_complete_week",
        )
    )


TABLE = Events(
    "features.sales_daily_series",
    SCHEMA,
    key=("series_id", "business_date"),
    slice="business_date",
    inputs=(
        Input("gold.daily_sales"),
        Input("gold.departments", touches=everything),
        Input("features.sales_weekly", touches=window(before=0, after=6)),
        Input(
            "silver.calendar",
            # a sale makes zeros of the closed days before it
            touches=window(before=LONGEST_CLOSURE_DAYS, after=0, on="calendar_date"),
        ),
    ),
    make=make,
)
