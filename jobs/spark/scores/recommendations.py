"""scores.recommendations: one row per account, as-of date and rank of a recommended product.

`score` is the offer's: the share of all offers of that date that the model scores no higher, above
0 to 1. The models' own numbers stay in bronze: they have no unit, and are below 0 where the
champion has too little to go by. Standing, grade and trend are the account's: where its best score
lies among all accounts of that date, in fifths, and how that has moved.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.spark.grading import (
    FIFTHS,
    SCORE_COLUMNS,
    grade,
    newest_answers,
    reasons,
    trend,
    with_standing,
)
from jobs.table import Events, Input, window

LOOK_BACK_DAYS = 35  # an older list is not compared with: the trend is then new
TREND_STEP = 0.1  # of the standing: a tenth of all accounts overtaken, or lost to

SCHEMA = f"""
    account_id string not null comment 'customer',
    rank int not null comment 'place in the list, 1 is the best',
    product_id string not null comment 'article recommended',
    standing double not null comment 'share of accounts with a lower best score, ties counted half',
    {SCORE_COLUMNS.strip()}
"""


def standings(answers: DataFrame) -> DataFrame:
    """One row per account and date: where its best score stands, now and in the list before."""
    in_time = Window.partitionBy("account_id").orderBy("as_of_date")
    days_since = F.datediff("as_of_date", F.lag("as_of_date").over(in_time))
    before = F.when(days_since <= LOOK_BACK_DAYS, F.lag("standing").over(in_time))
    return (
        answers.groupBy("account_id", "as_of_date")
        .agg(F.max("score").alias("best"))
        .transform(with_standing, "best", "as_of_date")
        .withColumn("before", before)
    )


def as_shares(answers: DataFrame) -> DataFrame:
    """Scores on one scale, whoever answered: which share of the date's offers is no better."""
    ascending = Window.partitionBy("as_of_date").orderBy("score")
    return answers.withColumn("score", F.cume_dist().over(ascending))


def make(landed: DataFrame) -> DataFrame:
    answers = landed.transform(newest_answers, "as_of_date").transform(as_shares)
    return answers.join(standings(answers), on=["account_id", "as_of_date"], how="inner").select(
        "account_id",
        "rank",
        "product_id",
        "standing",
        F.lit("next_purchase").alias("score_name"),
        "score",
        grade(F.col("standing"), FIFTHS).alias("grade"),
        trend(F.col("standing"), F.col("before"), TREND_STEP).alias("trend"),
        reasons(F.array("reason_code")).alias("reasons"),
        "model_name",
        "model_version",
        "feature_version",
        "as_of_date",
        "valid_until",
    )


TABLE = Events(
    "scores.recommendations",
    SCHEMA,
    key=("account_id", "as_of_date", "rank"),
    slice="as_of_date",
    inputs=(
        Input(
            "bronze.recommendations",
            touches=window(before=0, after=LOOK_BACK_DAYS, on="as_of_date"),
        ),
    ),
    make=make,
)
