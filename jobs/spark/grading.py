"""What every score that leaves the lake looks like: its columns, grades, trends, bands, reasons.

A grade is A (best fifth, or best band) to E; a trend compares with the score before it.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

# The end of every scores table, after the columns of its subject.
SCORE_COLUMNS = """
    score_name string not null comment 'what is scored',
    score double not null comment 'see score_name; only the grade is comparable between models',
    grade string not null comment 'A (best) to E',
    trend string not null comment 'improving, steady, declining; new = no score before',
    reasons array<struct<code:string,text:string>> not null
        comment 'up to 5, the strongest first: stable code and sentence',
    model_name string not null comment 'model that answered',
    model_version string not null comment 'its version in the registry',
    feature_version bigint not null comment 'Delta version of the feature table it read',
    as_of_date date not null comment 'last business day that the model may have seen',
    valid_until date not null comment 'last business day on which the score should be used'
"""

GRADES = ("A", "B", "C", "D", "E")
TRENDS = ("improving", "steady", "declining", "new")
FIFTHS = (0.8, 0.6, 0.4, 0.2)  # floors of A to D on a standing from 0 to 1

MAX_REASONS = 5
REASONS = {
    "bought_often": "Buys it again and again",
    "similar_customers": "Customers with similar baskets buy it",
    "goes_with_bought": "Goes with what the customer buys",
    "like_bought": "Is like what the customer buys",
    "few_baskets": "Customers who began with similar baskets buy it",
    "popular_in_segment": "Sells well among customers of the same kind",
    "popular_now": "Sells well at the moment",
    "rare_like_bought": "Few buy it yet, and it is like what the customer buys",
    "narrow_range": "Low and high estimate lie close together",
    "wide_range": "Low and high estimate lie far apart",
    "higher_than_before": "More is expected than in the forecast before",
    "lower_than_before": "Less is expected than in the forecast before",
}
OTHER_REASON = "The model found it likely"

# (name, highest value that belongs to it), lowest band first
RECENCY_BANDS = (("this week", 7), ("this month", 28), ("this quarter", 84))  # days
LONGER_AGO, NEVER = "longer ago", "never"
# USD in 12 weeks; near the quartiles of the demo's customers (112, 301 and about 700 USD)
SPEND_BANDS = (("none", 0), ("low", 100), ("medium", 300), ("high", 700))
TOP_SPEND = "very high"


def newest_answers(landed: DataFrame, *of: str) -> DataFrame:
    """Models may answer again for a date: the newest drop of each `of` counts as a whole."""
    drop = F.struct("_known_at", "_batch_id")
    of_each = Window.partitionBy(*of)
    return (
        landed.withColumn("_newest", F.max(drop).over(of_each))
        .where(drop == F.col("_newest"))
        .drop("_newest")
    )


def band(value: Column, bands: tuple[tuple[str, int], ...], above: str) -> Column:
    """The first band whose limit is not exceeded, `above` beyond the last; null stays null."""
    chosen = F.when(value > bands[-1][1], above)
    for name, limit in bands:
        chosen = chosen.when(value <= limit, name)
    return chosen


def recency_band(days: Column) -> Column:
    return F.coalesce(band(days, RECENCY_BANDS, LONGER_AGO), F.lit(NEVER))


def spend_band(spend_12_weeks_usd: Column) -> Column:
    return band(F.coalesce(spend_12_weeks_usd, F.lit(0)), SPEND_BANDS, TOP_SPEND)


def grade(value: Column, floors: tuple[float, float, float, float]) -> Column:
    """A from the first floor up, then B, C and D; E below the last, and where there is no value."""
    chosen = F.when(value >= floors[0], GRADES[0])
    for name, floor in zip(GRADES[1:], floors[1:], strict=False):
        chosen = chosen.when(value >= floor, name)
    return chosen.otherwise(GRADES[-1])


def with_standing(scored: DataFrame, score: str, within: str) -> DataFrame:
    """Add `standing`: share of rows of the same `within` that score lower, ties counted half.

    0.5 for a row alone and where all are alike. Made for scores without a common scale.
    """
    ascending = Window.partitionBy(within).orderBy(score)
    everyone = Window.partitionBy(within)
    lower = (F.rank().over(ascending) - 1) / F.count(F.lit(1)).over(everyone)
    return scored.withColumn("standing", (F.cume_dist().over(ascending) + lower) / 2)


def trend(now: Column, before: Column, step: float) -> Column:
    """What moved by less than `step` is steady; nothing before is new."""
    moved = now - before
    return (
        F.when(before.isNull(), "new")
        .when(moved >= step, "improving")
        .when(moved <= -step, "declining")
        .otherwise("steady")
    )


def reasons(codes: Column) -> Column:
    """Codes (strongest first, repeats and nulls dropped) with their sentences, at most five."""
    sentences = F.create_map(*[F.lit(part) for pair in REASONS.items() for part in pair])

    def reason(code: Column) -> Column:
        sentence = F.coalesce(F.try_element_at(sentences, code), F.lit(OTHER_REASON))
        return F.struct(code.alias("code"), sentence.alias("text"))

    return F.transform(F.slice(F.array_distinct(F.array_compact(codes)), 1, MAX_REASONS), reason)
