"""features.sales_weekly: one row per department, business week and period of belief, with zeros.

A series begins in the week of its first sale. All lines count, fuel too. A week is known when it
has ended (the running week is there already, known by its Sunday), and once more for each later day
on which a late or corrected line changed it. `promotion_share` does not change: see
features.promotion_weeks.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.history import believed, moves
from jobs.table import Events, Input, everything, same_date

DAYS = 7

SCHEMA = """
    series_id string not null comment 'department, as in features.department_days',
    week_start_date date not null comment 'Monday of the business week',
    known_date date not null comment 'its Sunday, or the later day by whose closing it was changed',
    superseded_date date not null comment 'no longer believed by its closing; 9999-12-31: still is',
    sales_usd double not null comment 'USD that the shops receive, all lines',
    promotion_share double not null comment '0 to 1, as known when the week began',
    holiday_days int not null comment 'public holidays in the week, known in advance',
    is_complete boolean not null comment 'each day of the week has sales, as known then'
"""

MONDAY = "cast(date_trunc('week', business_date) as date)"
WEEK = ("series_id", "week_start_date")


def in_weeks(department_days: DataFrame) -> DataFrame:
    """Days with their week; what was known during a week is known by its Sunday."""
    sunday = F.date_add("week_start_date", DAYS - 1)
    return (
        department_days.withColumn("week_start_date", F.expr(MONDAY))
        .withColumn("known_date", F.greatest("known_date", sunday))
        .where("known_date < superseded_date")
    )


def weeks_with_sales(days: DataFrame) -> DataFrame:
    """When a week with sales was known, and when each of its days was."""
    return (
        days.groupBy("week_start_date", "business_date")
        .agg(F.min("known_date").alias("day_known_date"))
        .groupBy("week_start_date")
        .agg(
            F.min("day_known_date").alias("week_known_date"),
            F.when(F.count("*") == DAYS, F.max("day_known_date")).alias("complete_date"),
        )
    )


def steps(weeks: DataFrame, departments: DataFrame) -> DataFrame:
    """Every department in every week with sales, from the week of its first sale on."""
    started = F.expr("first_sale_date < date_add(week_start_date, 7)")
    known = F.greatest("week_known_date", F.min("known_date"))
    return (
        weeks.join(F.broadcast(departments), on=started, how="inner")
        .groupBy(F.col("department").alias("series_id"), *weeks.columns)
        .agg(known.alias("moved_date"))
    )


def changes(days: DataFrame, departments: DataFrame) -> DataFrame:
    """What moves a step: its begin with nothing, sales that come and go, its last missing day."""
    begun = steps(weeks_with_sales(days), departments)
    nothing = F.lit(0).cast("decimal(12,2)").alias("sales_usd")
    completed = begun.where("complete_date is not null").select(
        *WEEK, F.greatest("moved_date", "complete_date").alias("moved_date"), nothing, F.lit(1)
    )
    sold = moves(days.withColumnRenamed("department", "series_id"), WEEK, "sales_usd")
    return (
        begun.select(*WEEK, "moved_date", nothing, F.lit(0).alias("complete"))
        .union(completed)
        .union(sold.withColumn("complete", F.lit(0)))
    )


def make(
    department_days: DataFrame,
    departments: DataFrame,
    promotion_weeks: DataFrame,
    calendar: DataFrame,
) -> DataFrame:
    holidays = calendar.groupBy("week_start_date").agg(
        F.count_if("is_holiday").cast("int").alias("holiday_days")
    )
    plan = promotion_weeks.withColumnRenamed("department", "series_id")
    return (
        department_days.transform(in_weeks)
        .transform(changes, departments)
        .transform(believed, WEEK, "sales_usd", "complete")
        .join(plan, on=list(WEEK), how="left")
        .join(F.broadcast(holidays), on="week_start_date", how="left")
        .select(
            *WEEK,
            "known_date",
            "superseded_date",
            F.col("sales_usd").cast("double").alias("sales_usd"),
            F.coalesce("promotion_share", F.lit(0.0)).alias("promotion_share"),
            F.coalesce("holiday_days", F.lit(0)).alias("holiday_days"),
            (F.col("complete") > 0).alias("is_complete"),
        )
    )


TABLE = Events(
    "features.sales_weekly",
    SCHEMA,
    key=(*WEEK, "known_date"),
    slice="week_start_date",
    grain="week",
    inputs=(
        Input("features.department_days", touches=same_date(on=MONDAY)),
        Input("features.departments", touches=everything),
        Input("features.promotion_weeks"),
        Input("silver.calendar", touches=same_date(on="week_start_date")),
    ),
    make=make,
)
