"""features.sales_weekly: one row per department and business week, zeros included.

A series begins in the week of its first sale. All lines count, fuel too; the week that is still
running is there, not complete. `promotion_share` is the mean, over the products
sold in the week before, of the share of shops that promote the product in this week.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.table import Events, Input, everything, same_date, window

SCHEMA = """
    series_id string not null comment 'department, as in gold.daily_sales',
    week_start_date date not null comment 'Monday of the business week',
    sales_usd double not null comment 'USD that the shops receive, all lines',
    promotion_share double not null comment '0 to 1, known when the week begins: see above',
    holiday_days int not null comment 'public holidays in the week, known in advance',
    is_complete boolean not null comment 'each day of the week has sales'
"""

MONDAY = "cast(date_trunc('week', business_date) as date)"


def weeks_of_series(departments: DataFrame, calendar: DataFrame) -> DataFrame:
    """Every department in every week with sales, from the week of its first sale on."""
    weeks = (
        calendar.groupBy("week_start_date")
        .agg(
            F.sum(F.col("is_holiday").cast("int")).cast("int").alias("holiday_days"),
            F.bool_and("is_complete_week").alias("is_complete"),
            F.bool_or("has_sales").alias("has_sales"),
        )
        .where("has_sales")
    )
    started = F.expr("first_sale_date < date_add(week_start_date, 7)")
    return weeks.join(F.broadcast(departments), on=started, how="inner")


def planned_promotions(product_weeks: DataFrame) -> DataFrame:
    """What is planned for the products that sold in the week before: known when a week begins."""
    sold_before = product_weeks.where("lines > 0 and department is not null").select(
        "product_id", "department", F.date_add("week_start_date", 7).alias("week_start_date")
    )
    plan = product_weeks.select("product_id", "week_start_date", "promoted_store_share")
    share = F.coalesce("promoted_store_share", F.lit(0.0))
    return (
        sold_before.join(plan, on=["product_id", "week_start_date"], how="left")
        .groupBy("department", "week_start_date")
        .agg(F.round(F.avg(share), 6).alias("promotion_share"))
    )


def make(
    daily_sales: DataFrame, departments: DataFrame, product_weeks: DataFrame, calendar: DataFrame
) -> DataFrame:
    in_week = ["department", "week_start_date"]
    sales = (
        daily_sales.withColumn("week_start_date", F.expr(MONDAY))
        .groupBy(*in_week)
        .agg(F.sum("sales_usd").cast("double").alias("sales_usd"))
    )
    return (
        weeks_of_series(departments, calendar)
        .join(sales, on=in_week, how="left")
        .join(planned_promotions(product_weeks), on=in_week, how="left")
        .select(
            F.col("department").alias("series_id"),
            "week_start_date",
            F.coalesce("sales_usd", F.lit(0.0)).alias("sales_usd"),
            F.coalesce("promotion_share", F.lit(0.0)).alias("promotion_share"),
            "holiday_days",
            "is_complete",
        )
    )


TABLE = Events(
    "features.sales_weekly",
    SCHEMA,
    key=("series_id", "week_start_date"),
    slice="week_start_date",
    grain="week",
    inputs=(
        Input("gold.daily_sales", touches=same_date(on=MONDAY)),
        Input("gold.departments", touches=everything),
        Input("gold.product_weeks", touches=window(before=0, after=7)),
        Input("silver.calendar", touches=same_date(on="week_start_date")),
    ),
    make=make,
)
