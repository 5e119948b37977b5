"""features.sales_daily_series: one row per department, business date and period of belief.

A series begins on the day of its first sale, and has zeros. A day on which every shop was closed is
a zero too, once sales go on within a week; so is, until its drop has come, a day that is late.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.history import believed, moves
from jobs.table import Events, Input, everything, window

LONGEST_CLOSURE_DAYS = 7  # days without any sale after this many are not zeros, they do not exist

SCHEMA = """
    series_id string not null comment 'department, as in features.department_days',
    business_date date not null comment 'day at the shop',
    known_date date not null comment 'business day by whose closing this was known of the day',
    superseded_date date not null comment 'no longer believed by its closing; 9999-12-31: still is',
    sales_usd double not null comment 'USD that the shops receive, all lines',
    is_holiday boolean not null comment 'public holiday, known in advance',
    promotion_share double not null comment '0 to 1, of its week, as known when the week began'
"""

DAY = ("series_id", "business_date")


def business_days(department_days: DataFrame) -> DataFrame:
    """Days with sales, and closed days before one: known with the first sales on or after them."""
    closed_before = F.sequence(F.date_sub("business_date", LONGEST_CLOSURE_DAYS), "business_date")
    return (
        department_days.groupBy("business_date")
        .agg(F.min("known_date").alias("day_known_date"))
        .select(F.explode(closed_before).alias("business_date"), "day_known_date")
        .groupBy("business_date")
        .agg(F.min("day_known_date").alias("day_known_date"))
    )


def steps(days: DataFrame, departments: DataFrame) -> DataFrame:
    """Every department on every business day, from its first sale on."""
    started = F.expr("first_sale_date <= business_date")
    return (
        days.join(F.broadcast(departments), on=started, how="inner")
        .groupBy(F.col("department").alias("series_id"), *days.columns)
        .agg(F.greatest("day_known_date", F.min("known_date")).alias("moved_date"))
        .select(*DAY, "moved_date", F.lit(0).cast("decimal(12,2)").alias("sales_usd"))
    )


def make(
    department_days: DataFrame,
    departments: DataFrame,
    promotion_weeks: DataFrame,
    calendar: DataFrame,
) -> DataFrame:
    begun = steps(business_days(department_days), departments)
    sold = moves(department_days.withColumnRenamed("department", "series_id"), DAY, "sales_usd")
    plan = promotion_weeks.withColumnRenamed("department", "series_id")
    holidays = calendar.select(F.col("calendar_date").alias("business_date"), "is_holiday")
    return (
        begun.union(sold)
        .transform(believed, DAY, "sales_usd")
        .withColumn("week_start_date", F.to_date(F.date_trunc("week", "business_date")))
        .join(plan, on=["series_id", "week_start_date"], how="left")
        .join(F.broadcast(holidays), on="business_date", how="left")
        .select(
            *DAY,
            "known_date",
            "superseded_date",
            F.col("sales_usd").cast("double").alias("sales_usd"),
            F.coalesce("is_holiday", F.lit(False)).alias("is_holiday"),
            F.coalesce("promotion_share", F.lit(0.0)).alias("promotion_share"),
        )
    )


TABLE = Events(
    "features.sales_daily_series",
    SCHEMA,
    key=(*DAY, "known_date"),
    slice="business_date",
    inputs=(
        # a sale makes zeros of the closed days before it
        Input("features.department_days", touches=window(before=LONGEST_CLOSURE_DAYS, after=0)),
        Input("features.departments", touches=everything),
        Input("features.promotion_weeks", touches=window(before=0, after=6)),
        Input("silver.calendar", touches=window(before=0, after=0, on="calendar_date")),
    ),
    make=make,
)
