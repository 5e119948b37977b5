"""silver.line_norms: one row per quarter, measure and group: what is usual of an order line.

A line is judged by what was usual in the quarter before its own, as it was known on that quarter's
last day: a later correction moves no limit, and what was usual for a day never changes after it.

The rule: a robust z-score of the natural logarithm, |ln x - median| / max(IQR / 1.349, FLOOR) > 5.
IQR / 1.349 is the standard deviation of a normal distribution's middle half (Tukey 1977; Iglewicz
and Hoaglin 1993 for robust scores); most prices and most pieces never move, so the scale has a
floor, and a group of too few lines has no limits.
"""

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.spark.history import every_version
from jobs.table import Events, Input, as_known, window

QUARTER_DAYS = 92  # the longest
Z = 5.0
NEVER_TOO_LOW = ("units",)  # one piece is the least that is sold
IQR_OF_NORMAL = 1.349  # standard deviations
# measure → its group, the fewest lines that say what is usual, the least scale (of ln x)
MEASURES = {
    # in one type of products a cheap and a dear one stand side by side: a price has its own product
    "unit_price_usd": ("product_id", 10, 0.2),  # beyond e times the usual price
    "units": ("product_type", 30, 0.4),  # beyond e² = 7.4 times the usual number
}

SCHEMA = """
    as_of_date date not null comment 'last day of a quarter; judges the lines of the next quarter',
    measure string not null comment 'unit_price_usd (at the shelf), or units (pieces)',
    group_id string not null comment 'of unit_price_usd the product, of units the product type',
    lines int not null comment 'lines of the quarter, as known on as_of_date',
    median double not null comment 'of the measure, in its unit',
    low double not null comment 'less than this is unusual; 0 for units',
    high double not null comment 'more than this is unusual'
"""

KEY = ("as_of_date", "measure", "group_id")


def quarter_before(date: str) -> Column:
    """Last day of the quarter before a date's own."""
    return F.date_sub(F.to_date(F.date_trunc("quarter", date)), 1)


def measured(lines: DataFrame) -> DataFrame:
    """Lines that have pieces and a price, with the price of a piece at the shelf."""
    paid = "sales_usd + loyalty_discount_usd + coupon_match_discount_usd"
    return lines.where(f"units > 0 and {paid} > 0").withColumn(
        "unit_price_usd", F.expr(f"cast({paid} as double) / units")
    )


def limits(lines: DataFrame, measure: str) -> DataFrame:
    """The median of a measure and what lies far from it, by group."""
    group, fewest, floor = MEASURES[measure]
    quarters = F.percentile("x", F.array(F.lit(0.25), F.lit(0.5), F.lit(0.75))).alias("q")
    reach = F.greatest((F.col("q")[2] - F.col("q")[0]) / IQR_OF_NORMAL, F.lit(floor)) * Z

    def rounded(x: Column) -> Column:
        return F.round(F.exp(x), 6)

    low = F.lit(0.0) if measure in NEVER_TOO_LOW else rounded(F.col("q")[1] - reach)
    return (
        lines.where(f"{group} is not null")
        .withColumn("x", F.ln(F.col(measure)))
        .groupBy("as_of_date", F.col(group).alias("group_id"))
        .agg(F.count("*").cast("int").alias("lines"), quarters)
        .where(f"lines >= {fewest}")
        .select(
            "as_of_date",
            F.lit(measure).alias("measure"),
            "group_id",
            "lines",
            rounded(F.col("q")[1]).alias("median"),
            low.alias("low"),
            rounded(F.col("q")[1] + reach).alias("high"),
        )
    )


def make(lines: DataFrame, superseded: DataFrame, as_of_dates: Sequence[dt.date]) -> DataFrame:
    ends = [day for day in as_of_dates if (day + dt.timedelta(1)).day == 1 and day.month % 3 == 0]
    quarter = F.date_sub(F.to_date(F.date_trunc("quarter", F.add_months("business_date", 3))), 1)
    known = (
        every_version(lines, superseded)
        .withColumn("as_of_date", quarter)
        .where(F.col("as_of_date").isin(ends) if ends else F.lit(False))
        .where(as_known("silver.order_lines_superseded", "as_of_date"))
        .transform(measured)
    )
    prices, pieces = (limits(known, measure) for measure in MEASURES)
    return prices.unionByName(pieces)


TABLE = Events(
    "silver.line_norms",
    SCHEMA,
    key=KEY,
    slice="as_of_date",
    as_of=True,
    # known_date is never before business_date: a line can count up to the end of its quarter
    inputs=(
        Input("silver.order_lines", window(before=0, after=QUARTER_DAYS, on="known_date")),
        Input(
            "silver.order_lines_superseded", window(before=0, after=QUARTER_DAYS, on="known_date")
        ),
    ),
    make=make,
)
