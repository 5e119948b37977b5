"""gold.renewals: one row per customer and thing that is to be sold again, and when it is due.

Every kind of renewal has the same columns, whatever told of it:

- `reorder`: a product category that a customer buys regularly, found in the orders. It is due when
  the customer's own median gap is over since the last purchase.
- `opportunity`: an open opportunity of the CRM, due when a salesperson expects it to close.

There is no as-of day here: what is due does not move from day to day. Who asks as of a day takes
the rows whose `valid_until` has not passed; who skipped a whole turn is no regular buyer any more.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.table import Entities, Input, everything

LEAST_PURCHASES = 5  # days on which it was bought; four gaps are the least that show a rhythm
GAP_DAYS = (7, 120)  # median gap: what is bought more often comes with any visit
MOST_SPREAD = 0.5  # the middle half of the gaps / their median; above it there is no rhythm
TURNS = 2  # median gaps after the last purchase: then it counts no more

SCHEMA = """
    account_id string not null comment 'customer, as the CRM calls it',
    kind string not null comment 'reorder or opportunity',
    subject string not null comment 'product category, or number of the opportunity in the CRM',
    due_date date not null comment 'day on which it is due; may lie in the past',
    valid_until date comment 'last day on which it counts; null: until the CRM says otherwise',
    expected_amount decimal(18,4) comment 'in currency_code, of once; null: nobody said',
    currency_code string comment 'ISO 4217, such as USD; null: nobody said',
    purchases int comment 'days on which it was bought; null: an opportunity',
    gap_days int comment 'days between purchases, median, rounded; null: an opportunity',
    last_date date comment 'day of the last purchase; null: an opportunity'
"""


def purchases(lines: DataFrame, products: DataFrame) -> DataFrame:
    """One row per customer, category and day: what it cost, and days since the time before."""
    category = products.select("product_id", F.col("product_category").alias("subject"))
    of_thing = Window.partitionBy("account_id", "subject").orderBy("business_date")
    return (
        lines.where("line_kind = 'sale' and is_merchandise and account_id is not null")
        .join(F.broadcast(category), on="product_id", how="inner")
        .where("subject is not null")
        .groupBy("account_id", "subject", "business_date")
        .agg(F.sum("sales_usd").alias("paid_usd"))
        .withColumn(
            "gap", F.datediff("business_date", F.lag("business_date").over(of_thing)).cast("int")
        )
    )


def reorders(purchases: DataFrame) -> DataFrame:
    """One row per customer and category with a rhythm."""
    low, middle, high = (F.element_at("quarters", n) for n in (1, 2, 3))
    has_rhythm = middle.between(*GAP_DAYS) & ((high - low) / middle <= MOST_SPREAD)
    gap = F.round(middle).cast("int")
    return (
        purchases.groupBy("account_id", "subject")
        .agg(
            F.count("*").cast("int").alias("purchases"),
            F.percentile("gap", F.array(*map(F.lit, (0.25, 0.5, 0.75)))).alias("quarters"),
            F.max("business_date").alias("last_date"),
            F.round(F.median("paid_usd"), 2).cast("decimal(18,4)").alias("expected_amount"),
        )
        .where(F.col("purchases") >= LEAST_PURCHASES)
        .where(has_rhythm)
        .withColumns(
            {
                "kind": F.lit("reorder"),
                "currency_code": F.lit("USD"),
                "gap_days": gap,
                "due_date": F.date_add("last_date", gap),
                "valid_until": F.date_add("last_date", gap * TURNS),
            }
        )
        .drop("quarters")
    )


def expected_to_close(opportunities: DataFrame) -> DataFrame:
    """Open opportunities of customers that have a day."""
    is_said = F.col("expected_amount") != 0
    return opportunities.where(
        "status = 'open' and account_id is not null and expected_close_date is not null"
    ).select(
        "account_id",
        F.lit("opportunity").alias("kind"),
        F.col("opportunity_id").alias("subject"),
        F.col("expected_close_date").alias("due_date"),
        F.when(is_said, F.col("expected_amount")).alias("expected_amount"),
        F.when(is_said, F.col("currency_code")).alias("currency_code"),
    )


def make(order_lines: DataFrame, products: DataFrame, opportunities: DataFrame) -> DataFrame:
    bought = purchases(order_lines, products).transform(reorders)
    return bought.unionByName(expected_to_close(opportunities), allowMissingColumns=True).select(
        "account_id",
        "kind",
        "subject",
        "due_date",
        "valid_until",
        "expected_amount",
        "currency_code",
        "purchases",
        "gap_days",
        "last_date",
    )


TABLE = Entities(
    "gold.renewals",
    SCHEMA,
    key=("account_id", "kind", "subject"),
    unit=("account_id",),
    inputs=(
        Input("silver.order_lines"),
        Input("silver.products", touches=everything),
        Input("silver.opportunities"),
    ),
    make=make,
)
