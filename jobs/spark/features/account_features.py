"""features.account_features: one row per account and Sunday, as the account was known that evening.

Only days up to the Sunday count, over the 52 weeks before it, as they were believed by then: a late
or a corrected line changes the snapshots from its known date on, never an earlier one.

One value is imputed: who ordered on one day only has no gap between order days. What is known of it
is that it has lasted since that day, so recency_days stands in its place, flagged.
"""

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.spark.grading import spend_band
from jobs.table import Events, Input, as_known, window

HISTORY_DAYS = 364  # 52 weeks, the Sunday included
WEEKS = (4, 12, 52)

SCHEMA = """
    account_id string not null comment 'customer',
    as_of_date date not null comment 'Sunday; nothing later, or known later, is in the row',
    recency_days int not null comment 'days from the last order to as_of_date',
    tenure_days int not null comment 'days from the first order of the 52 weeks to as_of_date',
    orders_4_weeks int not null comment 'orders in the last 28 days',
    orders_12_weeks int not null comment 'orders in the last 84 days',
    orders_52_weeks int not null comment 'orders in the last 364 days',
    spend_4_weeks_usd decimal(12,2) not null comment 'USD in the last 28 days, all departments',
    spend_12_weeks_usd decimal(12,2) not null comment 'USD in the last 84 days, all departments',
    spend_52_weeks_usd decimal(12,2) not null comment 'USD in the last 364 days, all departments',
    winsorised_spend_12_weeks_usd decimal(12,2) not null
        comment 'USD in the last 84 days, unusual lines cut to what is usual',
    order_weeks_12_weeks int not null comment 'of the last 12 weeks: those with an order',
    days_between_orders double not null comment 'days, mean gap of order days; of one, days since',
    is_days_between_orders_imputed boolean not null comment 'one order day: recency_days stands in',
    fuel_share double comment 'fuel / spend of 52 weeks; null = no spend',
    discount_share double comment 'all discounts / shelf price of 52 weeks; null = no spend',
    coupon_share double comment 'order days with a maker coupon / order days of 52 weeks, 0 to 1',
    spend_band string not null comment 'of spend_12_weeks_usd: none, low, medium, high, very high'
"""


def days_known(account_days: DataFrame, as_of_dates: Sequence[dt.date]) -> DataFrame:
    """Each day of an account once for every snapshot that sees it, as believed then, with its age.

    Its age in days, that is; and the place of its week before the Sunday, as a bit, so that weeks
    can be counted while everything else is summed.
    """
    dates = F.array(*[F.lit(date) for date in as_of_dates]).cast("array<date>")
    return (
        account_days.withColumn("as_of_date", F.explode(dates))
        .where("business_date <= as_of_date")
        .where(as_known("features.account_days", "as_of_date"))
        .withColumn("age", F.datediff("as_of_date", "business_date"))
        .where(F.col("age") < HISTORY_DAYS)
        .withColumn("week", F.expr("if(age < 84, shiftleft(1, int(age / 7)), 0)"))
    )


def sums(days: DataFrame) -> DataFrame:
    """Shelf price = sales + loyalty + match, paid = sales - coupon: the difference is discount."""

    def recent(name: str, weeks: int) -> Column:
        return F.coalesce(F.sum(F.when(F.col("age") < 7 * weeks, F.col(name))), F.lit(0))

    off = "loyalty_discount_usd + coupon_discount_usd + coupon_match_discount_usd"
    shelf = "sales_usd + loyalty_discount_usd + coupon_match_discount_usd"
    order_days = F.count("*")
    coupon_days = F.count_if(F.col("coupon_discount_usd") > 0)
    is_one_day = order_days == 1
    gap = F.when(is_one_day, F.min("age")).otherwise(
        (F.max("age") - F.min("age")) / (order_days - 1)
    )

    def share(part: str, whole: str) -> Column:
        return F.round(F.expr(f"sum({part}) / nullif(sum({whole}), 0)").cast("double"), 4)

    return days.groupBy("account_id", "as_of_date").agg(
        F.min("age").alias("recency_days"),
        F.max("age").alias("tenure_days"),
        *[recent("orders", n).cast("int").alias(f"orders_{n}_weeks") for n in WEEKS],
        *[
            recent("sales_usd", n).cast("decimal(12,2)").alias(f"spend_{n}_weeks_usd")
            for n in WEEKS
        ],
        recent("winsorised_sales_usd", 12)
        .cast("decimal(12,2)")
        .alias("winsorised_spend_12_weeks_usd"),
        F.bit_count(F.bit_or("week")).alias("order_weeks_12_weeks"),
        F.round(gap, 2).alias("days_between_orders"),
        is_one_day.alias("is_days_between_orders_imputed"),
        share("fuel_sales_usd", "sales_usd").alias("fuel_share"),
        share(off, shelf).alias("discount_share"),
        F.round(coupon_days / order_days, 4).alias("coupon_share"),
    )


def make(account_days: DataFrame, as_of_dates: Sequence[dt.date]) -> DataFrame:
    return (
        account_days.transform(days_known, as_of_dates)
        .transform(sums)
        .select(
            "account_id",
            "as_of_date",
            "recency_days",
            "tenure_days",
            *[f"orders_{n}_weeks" for n in WEEKS],
            *[f"spend_{n}_weeks_usd" for n in WEEKS],
            "winsorised_spend_12_weeks_usd",
            "order_weeks_12_weeks",
            "days_between_orders",
            "is_days_between_orders_imputed",
            "fuel_share",
            "discount_share",
            "coupon_share",
            spend_band(F.col("spend_12_weeks_usd")).alias("spend_band"),
        )
    )


TABLE = Events(
    "features.account_features",
    SCHEMA,
    key=("account_id", "as_of_date"),
    slice="as_of_date",
    grain="week",
    as_of=True,
    inputs=(
        Input(
            "features.account_days",
            # known_date is never before business_date: a day feeds the Sundays from then on
            touches=window(before=0, after=HISTORY_DAYS - 1, on="known_date"),
        ),
    ),
    make=make,
)
