"""scores.account_360: one row per customer: profile, scores that hold, what is next and delivered.

gold.account_profile with what is to its right. It cannot be in the profile itself: next actions,
and so what is delivered, are made from that. `as_of_date` is the newest day with an order of
anybody; no score, segment, list or action of a later day is in the row, and none that does not hold
on it.

Consent is that of now. Who objects to marketing or, as the CRM told a delivery, to profiling, has
no score, no segment, no product and no action here; nor has somebody whom the CRM does not know.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark import holding
from jobs.spark.gold.account_profile import SCHEMA as PROFILE
from jobs.table import Entities, Input, columns, everything

REASONS = "array<struct<code:string,text:string>>"
DELIVERIES = (
    "array<struct<connection:string,event:string,reason:string,cleared_for:string,"
    "event_at:timestamp,written_at:timestamp,plan_id:string>>"
)
SCHEMA = f"""
    {PROFILE.strip().replace("as_of_date", "week_end_date")},
    as_of_date date comment 'newest day with an order of anybody; null: nothing was sold yet',
    recency_days int comment 'days from last_order_date to as_of_date; null = never bought',
    churn_chance double comment '0 to 1, of no order in the next four weeks; null: none holds',
    churn_grade string comment 'A (least likely to leave) to E; null: as churn_chance',
    churn_trend string comment 'improving, steady, declining, new; null: as churn_chance',
    churn_valid_until date comment 'last day on which it holds; null: as churn_chance',
    churn_reasons {REASONS} not null comment 'up to 5, the strongest first: code and sentence',
    soft_churn_chance double
        comment '0 to 1, of an order in the next four weeks and less than half of the usual spend',
    soft_churn_grade string comment 'A (least likely) to E; null: as soft_churn_chance',
    soft_churn_trend string comment 'improving, steady, declining, new; null: as its chance',
    soft_churn_valid_until date comment 'last day on which it holds; null: as soft_churn_chance',
    soft_churn_reasons {REASONS} not null comment 'up to 5, the strongest first: code and sentence',
    offer_campaign_id string comment 'campaign that is asked about; null: no such score holds',
    offer_chance double comment '0 to 1, of an answer to it; null: as offer_campaign_id',
    offer_grade string comment 'A (most likely to answer) to E; null: as offer_campaign_id',
    offer_trend string comment 'improving, steady, declining, new; null: as offer_campaign_id',
    offer_valid_until date comment 'last day on which it holds; null: as offer_campaign_id',
    offer_reasons {REASONS} not null comment 'up to 5, the strongest first: code and sentence',
    value_usd double comment 'USD expected in the next eight weeks; null: none holds',
    value_grade string comment 'A (most) to E; null: as value_usd',
    value_trend string comment 'improving, steady, declining, new; null: as value_usd',
    value_valid_until date comment 'last day on which it holds; null: as value_usd',
    value_reasons {REASONS} not null comment 'up to 5, the strongest first: code and sentence',
    rests_on array<string> not null comment 'the scores: name, model and version of each',
    segment_id bigint comment 'which kind of customer, kept from week to week; null: none holds',
    segment_code string comment 'its name, see segments.yaml; null: as segment_id',
    segment_name string comment 'the name as people read it; null: as segment_id',
    segment_valid_until date comment 'last day on which it holds; null: as segment_id',
    next_products array<string> not null comment 'up to 5, the best first, as a person says them',
    next_product_ids array<string> not null comment 'the same articles',
    next_products_standing double
        comment 'share of customers with a lower best offer, 0 to 1; null: no list holds',
    next_products_grade string comment 'A (best fifth) to E; null: as next_products_standing',
    next_products_trend string comment 'of the standing; null: as next_products_standing',
    next_products_valid_until date comment 'last day of the list; null: as next_products_standing',
    action string comment 'call, coupon, … or nothing: scores.next_actions; null: none holds',
    action_channel string comment 'phone, email or post; null: nothing is to be done',
    action_due_date date comment 'day by which it is to be done; null: as action_channel',
    action_text string comment 'what a salesperson is to do; null: as action_channel',
    action_expected_usd decimal(12,2)
        comment 'USD in eight weeks, by a share that is assumed; null: as action',
    action_reason_code string comment 'the playbook, or why nothing is to be done; null: as action',
    action_reasons {REASONS} not null comment 'up to 5: that in words, then those of scores',
    last_deliveries {DELIVERIES} not null
        comment 'per connection to a CRM what became of the newest: see bronze.deliveries'
"""


def described(rows: DataFrame) -> DataFrame:
    """The columns of SCHEMA; a list of which there is none is empty."""
    return rows.select(
        *[
            F.coalesce(c.name, F.array().cast(c.type)).alias(c.name)
            if c.type.startswith("array")
            else F.col(c.name)
            for c in columns(SCHEMA)
        ]
    )


def make(
    profiles: DataFrame,
    account_scores: DataFrame,
    account_segments: DataFrame,
    outbox: DataFrame,
    actions: DataFrame,
    deliveries: DataFrame,
) -> DataFrame:
    day = profiles.agg(F.max("last_order_date").alias("day"))
    willing = (
        profiles.where("is_contactable")
        .join(holding.objecting(deliveries), on="account_id", how="left_anti")
        .select("account_id")
    )
    scores, kinds, lists, decided = (
        holding.on_day(rows, day).join(willing, on="account_id", how="left_semi")
        for rows in (account_scores, account_segments, outbox, actions)
    )
    return (
        profiles.withColumnRenamed("as_of_date", "week_end_date")
        .crossJoin(F.broadcast(day.withColumnRenamed("day", "as_of_date")))
        .withColumn("recency_days", F.datediff("as_of_date", "last_order_date"))
        .join(holding.scores(scores), on="account_id", how="left")
        .join(holding.segments(kinds), on="account_id", how="left")
        .join(holding.products(lists), on="account_id", how="left")
        .join(holding.action(decided), on="account_id", how="left")
        .join(holding.last_deliveries(deliveries), on="account_id", how="left")
        .transform(described)
    )


TABLE = Entities(
    "scores.account_360",
    SCHEMA,
    key=("account_id",),
    # the newest day moves every row, and one customer's order moves the day
    inputs=(
        Input("gold.account_profile", touches=everything),
        Input("scores.account_scores", touches=everything),
        Input("scores.account_segments", touches=everything),
        Input("scores.crm_outbox", touches=everything),
        Input("scores.next_actions", touches=everything),
        Input("bronze.deliveries", touches=everything),
    ),
    make=make,
)
