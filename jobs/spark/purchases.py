"""What the days of gold.account_days sum up to for a customer: so far, and of late."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

WEEKS = 12  # that are told, and compared with as many before them
TREND_STEP = 0.25  # of what was before: what moved by less is steady


def purchases(account_days: DataFrame, as_of: DataFrame) -> DataFrame:
    """One row per customer who bought.

    Args:
        as_of: one row, `as_of_date`: what is of late ends with it.
    """
    return (
        account_days.crossJoin(F.broadcast(as_of))
        .withColumn("age", F.datediff("as_of_date", "business_date"))  # days
        .groupBy("account_id")
        .agg(*so_far(), *of_late())
        .withColumns(
            {
                "order_trend": trend("orders_12_weeks", "orders_12_weeks_before"),
                "spend_trend": trend("spend_12_weeks_usd", "spend_12_weeks_before_usd"),
            }
        )
        .drop("is_new")
    )


def so_far() -> list[Column]:
    """Sums over all days. Shelf price = sales + loyalty + match, paid = sales - coupon."""
    off = "loyalty_discount_usd + coupon_discount_usd + coupon_match_discount_usd"
    shelf = "sales_usd + loyalty_discount_usd + coupon_match_discount_usd"
    first, last = F.min("business_date"), F.max("business_date")
    order_days = F.countDistinct("business_date")
    coupon_days = F.countDistinct(F.when(F.col("coupon_discount_usd") > 0, F.col("business_date")))
    gap = F.datediff(last, first) / F.nullif(order_days - 1, F.lit(0))
    return [
        first.alias("first_order_date"),
        last.alias("last_order_date"),
        F.sum("orders").alias("orders"),
        order_days.alias("order_days"),
        F.round(gap, 2).alias("days_between_orders"),
        F.sum("sales_usd").alias("spend_usd"),
        F.sum("fuel_sales_usd").alias("fuel_spend_usd"),
        F.expr("sum(sales_usd) / sum(orders)").cast("decimal(12,2)").alias("basket_usd"),
        F.round(F.expr("sum(lines) / sum(orders)"), 2).alias("basket_lines"),
        F.round(F.expr(f"sum({off}) / nullif(sum({shelf}), 0)").cast("double"), 4).alias(
            "discount_share"
        ),
        F.round(coupon_days / order_days, 4).alias("coupon_share"),
    ]


def of_late() -> list[Column]:
    """Sums over the 12 weeks to the day and the 12 before them; who is new was not in all 24."""

    def total(amount: str, weeks_ago: int) -> Column:
        inside = F.col("age").between(7 * weeks_ago, 7 * (weeks_ago + WEEKS) - 1)
        return F.coalesce(F.sum(F.when(inside, F.col(amount))), F.lit(0))

    return [
        total("orders", 0).alias("orders_12_weeks"),
        total("orders", WEEKS).alias("orders_12_weeks_before"),
        total("sales_usd", 0).alias("spend_12_weeks_usd"),
        total("sales_usd", WEEKS).alias("spend_12_weeks_before_usd"),
        (F.max("age") < 7 * 2 * WEEKS).alias("is_new"),
    ]


def trend(recent: str, before: str) -> Column:
    """Null where nothing is in either; a fall shows of those who are new too, a rise does not."""
    now, then = F.col(recent), F.col(before)
    return (
        F.when((now == 0) & (then == 0), None)
        .when(now < then * (1 - TREND_STEP), "declining")
        .when(F.col("is_new"), "new")
        .when(now > then * (1 + TREND_STEP), "improving")
        .otherwise("steady")
    )
