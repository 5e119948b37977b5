"""silver.unusual_lines: one row per version of an order line whose price or pieces are unusual.

An outlier is flagged, never changed or put aside: a wedding buys 60 cakes, a till mistypes a price,
and both look alike. Sums of what was sold are of all lines; features that one odd line would bend
take `winsorised_sales_usd`, the line as if it had kept the limits of silver.line_norms.
Lines of fuel, and of the first quarter, have no limits and are not here; a new product has none for
its price.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.spark.history import every_version
from jobs.spark.silver.line_norms import MEASURES, QUARTER_DAYS, measured, quarter_before
from jobs.table import Events, Input, window

SCHEMA = """
    order_id string not null comment 'basket at the till',
    product_id string not null comment 'article',
    account_id string not null comment 'customer',
    business_date date not null comment 'day at the shop',
    known_date date not null comment 'business day by whose closing the line was known as it is',
    superseded_date date not null comment 'no longer believed by its closing; 9999-12-31: still is',
    is_price_low boolean not null comment 'unit_price_usd below usual_price_low_usd',
    is_price_high boolean not null comment 'unit_price_usd above usual_price_high_usd',
    is_units_high boolean not null comment 'units above usual_units_high',
    unit_price_usd double not null comment 'USD a piece at the shelf, before discounts',
    usual_price_low_usd double comment 'USD a piece; null: too few lines to say what is usual',
    usual_price_high_usd double comment 'USD a piece; null: too few lines to say what is usual',
    units bigint not null comment 'pieces',
    usual_units_high double comment 'pieces; null: too few lines to say what is usual',
    sales_usd decimal(12,2) not null comment 'USD that the shop receives for the line',
    winsorised_sales_usd decimal(12,2) not null comment 'USD, price and pieces cut to the limits'
"""

KEY = ("order_id", "product_id", "business_date", "known_date")


def with_limits(lines: DataFrame, norms: DataFrame) -> DataFrame:
    """Lines beside the limits of the quarter before; null where there are none."""
    judged = lines.withColumn("as_of_date", quarter_before("business_date"))
    for measure, (group, _, _) in MEASURES.items():
        of_measure = norms.where(f"measure = '{measure}'").select(
            "as_of_date",
            F.col("group_id").alias(group),
            F.col("low").alias(f"{measure}_low"),
            F.col("high").alias(f"{measure}_high"),
        )
        judged = judged.join(F.broadcast(of_measure), on=["as_of_date", group], how="left")
    return judged


def within(measure: str) -> Column:
    """The measure, cut to its limits."""
    # greatest and least pass over nulls: without limits the value stays as it is
    low, high = F.col(f"{measure}_low"), F.col(f"{measure}_high")
    return F.least(F.greatest(F.col(measure).cast("double"), low), high)


def beyond(condition: str) -> Column:
    return F.coalesce(F.expr(condition), F.lit(False))


def make(lines: DataFrame, superseded: DataFrame, norms: DataFrame) -> DataFrame:
    share = F.lit(1.0)
    for measure in MEASURES:
        share = share * within(measure) / F.col(measure)
    return (
        every_version(lines, superseded)
        .transform(measured)
        .transform(with_limits, norms)
        .withColumns(
            {
                "is_price_low": beyond("unit_price_usd < unit_price_usd_low"),
                "is_price_high": beyond("unit_price_usd > unit_price_usd_high"),
                "is_units_high": beyond("units > units_high"),
            }
        )
        .where("is_price_low or is_price_high or is_units_high")
        .select(
            "order_id",
            "product_id",
            "account_id",
            "business_date",
            "known_date",
            "superseded_date",
            "is_price_low",
            "is_price_high",
            "is_units_high",
            F.round("unit_price_usd", 4).alias("unit_price_usd"),
            F.col("unit_price_usd_low").alias("usual_price_low_usd"),
            F.col("unit_price_usd_high").alias("usual_price_high_usd"),
            "units",
            F.col("units_high").alias("usual_units_high"),
            "sales_usd",
            F.round(F.col("sales_usd") * share, 2)
            .cast("decimal(12,2)")
            .alias("winsorised_sales_usd"),
        )
    )


TABLE = Events(
    "silver.unusual_lines",
    SCHEMA,
    key=KEY,
    slice="business_date",
    inputs=(
        Input("silver.order_lines"),
        Input("silver.order_lines_superseded"),
        Input("silver.line_norms", touches=window(before=0, after=QUARTER_DAYS)),
    ),
    make=make,
)
