"""scores.account_scores: one row per account, score and as-of date: how likely, how good, and why.

churn is the chance that a customer who still buys will not order in the next four weeks, soft_churn
that one orders and spends less than half of what is usual; offer_response that one whom the next
campaign addresses will use a coupon of it; value is what one is expected to spend in the next eight
weeks, USD. The grade is always for us: A is who is least likely to leave, or most likely to answer.
So is the trend: it compares with the newest score that is a week old or older, for daily scores
change slowly.
"""

import math

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.spark.grading import SCORE_COLUMNS, newest_answers, trend
from jobs.table import Events, Input, window

COMPARED_DAYS = (35, 7)  # the score before is at most, and at least, so much older
TREND_STEP = 0.05  # of a chance: five more or fewer of a hundred such customers
VALUE_STEP = 0.1  # of a value: a tenth more or less than before
WORSE_WHEN_HIGH = ("churn", "soft_churn")

SCHEMA = f"""
    account_id string not null comment 'customer',
    campaign_id string comment 'of offer_response: the campaign that is asked about; else null',
    low double comment 'lower end of the 80% interval of the score; null: it has none',
    high double comment 'upper end of the 80% interval of the score; null: it has none',
    reasons_zh array<string> not null comment 'sentences of reasons in Chinese, in their order',
    {SCORE_COLUMNS.strip()}
"""

TOLD = "array<struct<code:string,en:string,zh:string>>"


def before() -> Column:
    """The score that a trend compares with; null: there is none."""
    day = F.datediff("as_of_date", F.lit("1970-01-01").cast("date"))
    oldest, newest = (-days for days in COMPARED_DAYS)
    earlier = (
        Window.partitionBy("account_id", "score_name", "campaign_id")
        .orderBy(day)
        .rangeBetween(oldest, newest)
    )
    return F.last("score").over(earlier)


def for_us(score: Column) -> Column:
    """The score such that more is better."""
    return F.when(F.col("score_name").isin(*WORSE_WHEN_HIGH), -score).otherwise(score)


def moved() -> Column:
    """A value by its logarithm, so that a tenth is a tenth for small and large customers."""
    now, then = F.col("score"), F.col("_before")
    of_value = trend(F.log1p(now), F.log1p(then), math.log1p(VALUE_STEP))
    of_chance = trend(for_us(now), for_us(then), TREND_STEP)
    return F.when(F.col("score_name") == "value", of_value).otherwise(of_chance)


def make(landed: DataFrame) -> DataFrame:
    answers = landed.transform(newest_answers, "as_of_date", "score_name")
    told = F.from_json("reasons", TOLD)
    english = F.transform(told, lambda one: F.struct(one["code"], one["en"].alias("text")))
    return answers.withColumn("_before", before()).select(
        "account_id",
        "campaign_id",
        "low",
        "high",
        F.transform(told, lambda one: one["zh"]).alias("reasons_zh"),
        "score_name",
        "score",
        "grade",
        moved().alias("trend"),
        english.alias("reasons"),
        "model_name",
        "model_version",
        "feature_version",
        "as_of_date",
        "valid_until",
    )


TABLE = Events(
    "scores.account_scores",
    SCHEMA,
    key=("account_id", "score_name", "as_of_date"),
    slice="as_of_date",
    inputs=(
        Input(
            "bronze.account_scores",
            touches=window(before=0, after=COMPARED_DAYS[0], on="as_of_date"),
        ),
    ),
    make=make,
)
