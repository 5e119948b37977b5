import pytest
from pyspark.sql import functions as F

from jobs.spark import grading


@pytest.fixture
def graded(spark):
    """The values of a column over the scores given."""

    def build(scores, column):
        rows = [(None if score is None else float(score),) for score in scores]
        frame = spark.createDataFrame(rows, "score double")
        return [row[0] for row in frame.select(column()).collect()]

    return build


def test_fifths_of_a_standing(spark):
    scores = [(float(n), "today") for n in range(10)]
    frame = spark.createDataFrame(scores, "score double, day string")
    standing = grading.with_standing(frame, "score", "day")
    grades = standing.orderBy("score").select(grading.grade(F.col("standing"), grading.FIFTHS))
    assert "".join(row[0] for row in grades.collect()) == "EEDDCCBBAA"


def test_equal_scores_stand_in_the_middle(spark):
    frame = spark.createDataFrame([(7.0, "a"), (7.0, "a"), (1.0, "b")], "score double, day string")
    found = grading.with_standing(frame, "score", "day").collect()
    assert [row.standing for row in found] == [0.5, 0.5, 0.5]


def test_no_value_is_an_e(graded):
    assert graded([None, 0.9], lambda: grading.grade(F.col("score"), grading.FIFTHS)) == ["E", "A"]


def test_trends(graded):
    def against_half():
        return grading.trend(F.col("score"), F.lit(0.5), 0.25)

    found = graded([0.75, 0.7, 0.3, 0.25], against_half)
    assert found == ["improving", "steady", "steady", "declining"]
    nothing = F.lit(None).cast("double")
    assert graded([0.7], lambda: grading.trend(F.col("score"), nothing, 0.25)) == ["new"]


def test_bands_hold_their_limit(graded):
    recency = graded([None, 0, 7, 8, 28, 29, 84, 85], lambda: grading.recency_band(F.col("score")))
    assert recency == [
        "never",
        *["this week"] * 2,
        *["this month"] * 2,
        *["this quarter"] * 2,
        "longer ago",
    ]
    spend = graded([None, 0, 0.01, 100, 300, 700, 701], lambda: grading.spend_band(F.col("score")))
    assert spend == ["none", "none", "low", "low", "medium", "high", "very high"]


def test_reasons_are_told_once_with_their_sentence(spark):
    codes = [["popular_now", None, "bought_often", "popular_now", "unheard_of"], [], ["a", "b"] * 9]
    frame = spark.createDataFrame([(c,) for c in codes], "codes array<string>")
    found = [row[0] for row in frame.select(grading.reasons(F.col("codes"))).collect()]
    assert [tuple(reason) for reason in found[0]] == [
        ("popular_now", "Sells well at the moment"),
        ("bought_often", "Buys it again and again"),
        ("unheard_of", grading.OTHER_REASON),
    ]
    assert found[1] == []
    assert [reason.code for reason in found[2]] == ["a", "b"]


def test_five_reasons_are_enough(spark):
    frame = spark.createDataFrame([(list("abcdefg"),)], "codes array<string>")
    [row] = frame.select(grading.reasons(F.col("codes")).alias("reasons")).collect()
    assert [reason.code for reason in row.reasons] == list("abcde")
