"""features.promotion_weeks: one row per department and business week: what was planned for it.

`promotion_share` is the mean, over the products that the department sold in the week before, of the
share of shops that promote the product in this week. Known when the week begins, and not changed
by what came later: lines, departments and the plan are those known by the closing of the Sunday
before. A plan that came later counts as none; one that replaced another leaves the older in force.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.gold.product_weeks import plan_by_week, share
from jobs.spark.history import every_version
from jobs.table import Events, Input, as_known, window

SCHEMA = """
    department string not null comment 'as listed when the week began',
    week_start_date date not null comment 'Monday of the business week',
    promotion_share double not null comment '0 to 1, known when the week begins: see above'
"""

SUNDAY_BEFORE = "date_sub(week_start_date, 1)"


def sold_before(lines: DataFrame) -> DataFrame:
    """Products that were sold in the week before, as far as was known when this one began."""
    return (
        lines.where("department is not null")
        .withColumn("week_start_date", F.date_add("week_start_date", 7))
        .where(as_known("silver.order_lines_superseded", SUNDAY_BEFORE))
        .select("product_id", "department", "week_start_date")
        .distinct()
    )


def planned_ahead(product_weeks: DataFrame, superseded: DataFrame) -> DataFrame:
    """Each product's share of shops in the plan that was known when the week began."""
    newest = product_weeks.where(f"plan_known_date <= {SUNDAY_BEFORE}").select(
        "product_id", "week_start_date", "promoted_store_share"
    )
    older = plan_by_week(superseded.where(as_known("silver.promotions_superseded", SUNDAY_BEFORE)))
    return newest.unionByName(older.select("product_id", "week_start_date", share("promoted")))


def make(
    order_lines: DataFrame,
    order_lines_superseded: DataFrame,
    product_weeks: DataFrame,
    promotions_superseded: DataFrame,
) -> DataFrame:
    sold = every_version(order_lines, order_lines_superseded).transform(sold_before)
    plan = planned_ahead(product_weeks, promotions_superseded)
    promoted = F.coalesce("promoted_store_share", F.lit(0.0))
    return (
        sold.join(plan, on=["product_id", "week_start_date"], how="left")
        .groupBy("department", "week_start_date")
        .agg(F.round(F.avg(promoted), 6).alias("promotion_share"))
    )


TABLE = Events(
    "features.promotion_weeks",
    SCHEMA,
    key=("department", "week_start_date"),
    slice="week_start_date",
    grain="week",
    inputs=(
        Input("silver.order_lines", touches=window(before=0, after=7, on="week_start_date")),
        Input(
            "silver.order_lines_superseded",
            touches=window(before=0, after=7, on="week_start_date"),
        ),
        Input("gold.product_weeks"),
        Input("silver.promotions_superseded"),
    ),
    make=make,
)
