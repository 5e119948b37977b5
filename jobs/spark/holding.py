"""What holds of a customer on a day: scores, segment, products, action; and last deliveries.

A score, segment, list or action of a later day, or one whose last day is over, does not hold.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

SCORES = {  # score_name → how its columns begin, and the column of the score itself
    "churn": ("churn", "churn_chance"),
    "soft_churn": ("soft_churn", "soft_churn_chance"),
    "offer_response": ("offer", "offer_chance"),
    "value": ("value", "value_usd"),
}
OF_SCORE = ("grade", "trend", "valid_until", "reasons")
OF_SEGMENT = {
    "segment_id": "segment_id",
    "segment_code": "segment_code",
    "segment_name": "segment_name",
    "segment_valid_until": "valid_until",
}
OF_LIST = {
    "next_products": "next_products",
    "next_product_ids": "next_product_ids",
    "next_products_standing": "score",
    "next_products_grade": "grade",
    "next_products_trend": "trend",
    "next_products_valid_until": "valid_until",
}
OF_ACTION = {
    "action": "action",
    "action_channel": "channel",
    "action_due_date": "due_date",
    "action_text": "text",
    "action_expected_usd": "expected_value_usd",
    "action_reason_code": "reason_code",
    "action_reasons": "reasons",
}
# a struct is sorted by its first field: the connection's name
OF_DELIVERY = ("connection", "event", "reason", "cleared_for", "event_at", "written_at", "plan_id")
OBJECTED = "objected"  # why a delivery took back what was shown
HOLDS = "as_of_date <= day and valid_until >= day"


def objecting(deliveries: DataFrame) -> DataFrame:
    """Customers from whom a delivery took everything back because the CRM says that they object."""
    return deliveries.where(F.col("cleared_for") == OBJECTED).select("account_id").distinct()


def on_day(rows: DataFrame, day: DataFrame) -> DataFrame:
    """Rows that hold on a day, which stands beside them.

    Args:
        day: one row, `day`; null, or no row: no day is known, and nothing holds.
    """
    return rows.crossJoin(F.broadcast(day)).where(HOLDS)


def on_days(rows: DataFrame, days: DataFrame) -> DataFrame:
    """Rows that hold on the day of their account, which stands beside them.

    Args:
        days: one row per account: `account_id`, `day`. An account without one has no rows.
    """
    return rows.join(days, on="account_id", how="inner").where(HOLDS)


def newest_scores(holding: DataFrame) -> DataFrame:
    """One row per account: of each kind the newest score, as a column of that name."""
    told = F.struct(
        *("score", "grade", "trend", "reasons", "reasons_zh", "valid_until", "campaign_id"),
        F.concat_ws(" ", "score_name", "model_name", "model_version").alias("rests_on"),
    )

    def newest(kind: str) -> Column:
        is_it = F.col("score_name") == kind
        return F.max_by(F.when(is_it, told), F.when(is_it, F.col("as_of_date"))).alias(kind)

    return holding.groupBy("account_id").agg(*[newest(kind) for kind in SCORES])


def newest_segment(holding: DataFrame) -> DataFrame:
    """One row per account that is in one by now: `segment`. Who has left an older one is not."""
    told = F.struct(
        *("segment_id", "segment_code", "segment_name", "segment_name_zh", "valid_until"),
        F.concat_ws(" ", F.lit("segment"), "model_name", "model_version").alias("rests_on"),
    )
    newest = F.max_by(told, "as_of_date").alias("segment")
    return holding.groupBy("account_id").agg(newest).where("segment.segment_id is not null")


def scores(holding: DataFrame) -> DataFrame:
    """Of each kind the newest."""
    shown = []
    for kind, (begin, score) in SCORES.items():
        shown.append(F.col(f"{kind}.score").alias(score))
        shown += [F.col(f"{kind}.{name}").alias(f"{begin}_{name}") for name in OF_SCORE]
    return newest_scores(holding).select(
        "account_id",
        *shown,
        F.col("offer_response.campaign_id").alias("offer_campaign_id"),
        F.array_compact(F.array(*[f"{kind}.rests_on" for kind in SCORES])).alias("rests_on"),
    )


def segments(holding: DataFrame) -> DataFrame:
    """The newest; who is in none has no row."""
    shown = [F.col(f"segment.{of}").alias(name) for name, of in OF_SEGMENT.items()]
    return newest_segment(holding).select("account_id", *shown)


def products(outbox: DataFrame) -> DataFrame:
    return outbox.select("account_id", *[F.col(of).alias(name) for name, of in OF_LIST.items()])


def action(actions: DataFrame) -> DataFrame:
    return actions.select("account_id", *[F.col(of).alias(name) for name, of in OF_ACTION.items()])


def last_deliveries(deliveries: DataFrame) -> DataFrame:
    """Of each connection the newest, in the order of their names."""
    each = F.collect_list(F.struct(*OF_DELIVERY))
    return deliveries.groupBy("account_id").agg(F.array_sort(each).alias("last_deliveries"))
