"""scores.crm_outbox: one row per account: what the CRM should show of it, in our words.

Made from the account's newest list of recommendations; its score is the account's standing, which
the grade is a fifth of: the scores of single offers lie on another scale. Its purchases are taken
as of that date, so that a row does not change until there is a new list (or a line of that time is
corrected); so are its own scores and its segment. Consent is that of now: who objects to marketing
has a row without offers and reasons, and the CRM is cleared of what was delivered before.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.spark import holding
from jobs.spark.customers import customers, only_customers
from jobs.spark.grading import SCORE_COLUMNS, reasons, recency_band, spend_band
from jobs.spark.product_names import readable
from jobs.table import Entities, Input, as_known

NEXT_PRODUCTS = 5  # that a salesperson sees
SPEND_DAYS = 84  # 12 weeks, as_of_date included

SCHEMA = f"""
    account_id string not null comment 'customer, as the CRM calls it',
    is_contactable boolean not null comment 'false: objects to marketing, or is not in the CRM',
    objected_date date comment 'day at the CRM on which that was said; null: not said, or not told',
    next_products array<string> not null comment 'up to 5, the best first, as a person says them',
    next_product_ids array<string> not null comment 'the same articles',
    last_order_date date comment 'business date up to as_of_date; null = never bought',
    recency_days int comment 'days from last_order_date to as_of_date',
    recency_band string not null comment 'this week, this month, this quarter, longer ago, never',
    spend_12_weeks_usd decimal(12,2) not null comment 'USD in the 84 days to as_of_date',
    spend_band string not null comment 'none, low, medium, high, very high',
    churn_chance double comment '0 to 1, of no order in the next four weeks; null: not asked',
    churn_grade string comment 'A (least likely to leave) to E; null: as churn_chance',
    churn_trend string comment 'improving, steady, declining, new; null: as churn_chance',
    churn_reasons array<struct<code:string,text:string>> not null
        comment 'up to 5, the strongest first: stable code and sentence',
    offer_campaign_id string comment 'campaign that addresses the customer next; null: none does',
    offer_chance double comment '0 to 1, of an answer to it; null: as offer_campaign_id',
    offer_grade string comment 'A (most likely to answer) to E; null: as offer_campaign_id',
    value_usd double comment 'USD expected in the next eight weeks; null: not asked',
    value_grade string comment 'A (most) to E; null: as value_usd',
    segment_name string comment 'which kind of customer, as people read it; null: in no segment',
    {SCORE_COLUMNS.strip()}
"""

# as `holding.scores` names them
FROM_SCORES = (
    *("churn_chance", "churn_grade", "churn_trend", "churn_reasons"),
    *("offer_campaign_id", "offer_chance", "offer_grade"),
    *("value_usd", "value_grade"),
)
# what a person reads, so that a CRM is not written to for a digit that nobody sees
DIGITS = {"churn_chance": 4, "offer_chance": 4, "value_usd": 2}
ONE_LIST = ("account_id", "as_of_date", "valid_until")
OF_THE_LIST = ("score_name", "grade", "trend", "model_name", "model_version", "feature_version")


def newest_list(recommendations: DataFrame) -> DataFrame:
    of_the_account = Window.partitionBy("account_id")
    return (
        recommendations.withColumn("_newest", F.max("as_of_date").over(of_the_account))
        .where("as_of_date = _newest")
        .drop("_newest")
    )


def lists(recommendations: DataFrame, products: DataFrame) -> DataFrame:
    """One row per account: its best products in order, and why."""
    in_order = F.array_sort(
        F.collect_list(
            F.struct("rank", "product", "product_id", F.col("reasons.code").alias("why"))
        )
    )
    best = F.slice(in_order, 1, NEXT_PRODUCTS)
    names = products.select("product_id", readable().alias("product"))
    return (
        recommendations.join(F.broadcast(names), on="product_id", how="left")
        .withColumn("product", F.coalesce("product", "product_id"))
        .groupBy(*ONE_LIST, *OF_THE_LIST)
        .agg(F.max("standing").alias("score"), best.alias("best"))
        .withColumn("next_products", F.col("best.product"))
        .withColumn("next_product_ids", F.col("best.product_id"))
        .withColumn("reasons", reasons(F.flatten(F.col("best.why"))))
    )


def with_purchases(outbox: DataFrame, account_days: DataFrame) -> DataFrame:
    """Add what the account had bought, and what was known of it, by the list's date."""
    recent = F.expr(
        f"case when datediff(as_of_date, business_date) < {SPEND_DAYS} then sales_usd end"
    )
    bought = (
        outbox.select("account_id", "as_of_date")
        .join(account_days, on="account_id", how="inner")
        .where("business_date <= as_of_date")
        .where(as_known("features.account_days", "as_of_date"))
        .groupBy("account_id")
        .agg(F.max("business_date").alias("last_order_date"), F.sum(recent).alias("spend"))
    )
    return outbox.join(bought, on="account_id", how="left").withColumn(
        "recency_days", F.datediff("as_of_date", "last_order_date")
    )


def list_days(outbox: DataFrame) -> DataFrame:
    return outbox.select("account_id", F.col("as_of_date").alias("day"))


def with_scores(outbox: DataFrame, account_scores: DataFrame) -> DataFrame:
    """Add the account's own scores that hold on the list's date: the newest of each kind."""
    newest = holding.scores(holding.on_days(account_scores, list_days(outbox)))
    found = newest.select("account_id", *FROM_SCORES).withColumns(
        {name: F.round(name, digits) for name, digits in DIGITS.items()}
    )
    return outbox.join(found, on="account_id", how="left")


def with_segment(outbox: DataFrame, account_segments: DataFrame) -> DataFrame:
    """Add the segment that the account is in on the list's date."""
    newest = holding.segments(holding.on_days(account_segments, list_days(outbox)))
    found = newest.select("account_id", "segment_name")
    return outbox.join(found, on="account_id", how="left")


def with_consent(outbox: DataFrame, accounts: DataFrame) -> DataFrame:
    """No offer for those who do not want one, nor for those of whom nothing is known."""
    said = accounts.select("account_id", "is_contactable", "objected_date")
    is_contactable = F.coalesce("is_contactable", F.lit(False))
    offers = ("next_products", "next_product_ids", "reasons", "churn_reasons")
    return (
        outbox.join(said, on="account_id", how="left")
        .withColumn("is_contactable", is_contactable)
        .withColumns({name: F.when(F.col("is_contactable"), F.col(name)) for name in offers})
        .withColumns({name: F.coalesce(name, F.array()) for name in offers})
    )


def spend() -> Column:
    return F.coalesce("spend", F.lit(0)).cast("decimal(12,2)")


def make(
    recommendations: DataFrame,
    account_scores: DataFrame,
    account_segments: DataFrame,
    account_days: DataFrame,
    products: DataFrame,
    accounts: DataFrame,
    identities: DataFrame,
) -> DataFrame:
    return (
        recommendations.transform(only_customers, identities)
        .transform(newest_list)
        .transform(lists, products)
        .transform(with_purchases, account_days)
        .transform(with_scores, account_scores)
        .transform(with_segment, account_segments)
        .transform(with_consent, customers(accounts, identities))
        .select(
            "account_id",
            "is_contactable",
            "objected_date",
            "next_products",
            "next_product_ids",
            "last_order_date",
            "recency_days",
            recency_band(F.col("recency_days")).alias("recency_band"),
            spend().alias("spend_12_weeks_usd"),
            spend_band(spend()).alias("spend_band"),
            *FROM_SCORES,
            "segment_name",
            "score_name",
            "score",
            "grade",
            "trend",
            "reasons",
            "model_name",
            "model_version",
            "feature_version",
            "as_of_date",
            "valid_until",
        )
    )


TABLE = Entities(
    "scores.crm_outbox",
    SCHEMA,
    key=("account_id",),
    inputs=(
        Input("scores.recommendations"),
        Input("scores.account_scores"),
        Input("scores.account_segments"),
        Input("features.account_days"),
        Input("silver.products"),
        Input("silver.accounts"),
        Input("silver.account_identities"),
    ),
    make=make,
)
