"""Counted in one pass, a rule of rows says what Great Expectations says that asks it alone."""

import itertools
from typing import Any

import great_expectations.expectations as gxe
import pytest
from great_expectations.expectations.row_conditions import Column
from great_expectations.validator.validator import Validator

from expectations.gold import daily_sales
from jobs.spark import row_rules
from jobs.spark.rules import judge
from jobs.table import Events

GIVEN = (None, 0, 1, 2)
ROWS = [(a, b, t) for a, b, t in itertools.product(GIVEN, GIVEN, (None, "x", "yy"))]
BOTH = {"column_A": "a", "column_B": "b"}
A_GIVEN = Column("a").is_not_null() & (Column("b") > 0)

RULES = [
    gxe.ExpectColumnValuesToNotBeNull(column="a"),
    gxe.ExpectColumnValuesToNotBeNull(column="a", mostly=0.75),
    gxe.ExpectColumnValuesToNotBeNull(column="a", mostly=0.76),
    gxe.ExpectColumnValuesToBeNull(column="t"),
    gxe.ExpectColumnValuesToBeNull(column="t", mostly=0.33),
    gxe.ExpectColumnValuesToBeNull(column="t", mostly=0.34),
    gxe.ExpectColumnValuesToBeBetween(column="a", min_value=1),
    # of three values that are given, two keep it
    gxe.ExpectColumnValuesToBeBetween(column="a", min_value=1, mostly=0.66),
    gxe.ExpectColumnValuesToBeBetween(column="a", min_value=1, mostly=0.67),
    gxe.ExpectColumnValuesToBeBetween(column="a", max_value=2),
    gxe.ExpectColumnValuesToBeInSet(column="t", value_set=["x"], mostly=0.5),
    gxe.ExpectColumnValuesToNotBeInSet(column="t", value_set=["x"]),
    gxe.ExpectColumnValuesToMatchRegex(column="t", regex="^y+$"),
    gxe.ExpectColumnValueLengthsToBeBetween(column="t", min_value=1, max_value=1),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(**BOTH),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(**BOTH, or_equal=True, mostly=0.4),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        **BOTH, or_equal=True, mostly=0.6, ignore_row_if="either_value_is_missing"
    ),
    gxe.ExpectColumnPairValuesToBeEqual(**BOTH, ignore_row_if="either_value_is_missing"),
    gxe.ExpectColumnPairValuesToBeEqual(**BOTH, ignore_row_if="neither", mostly=0.25),
    gxe.ExpectColumnPairValuesToBeEqual(**BOTH, ignore_row_if="neither", mostly=0.26),
    gxe.ExpectMulticolumnSumToEqual(column_list=["a", "b"], sum_total=2, mostly=0.2),
    gxe.ExpectMulticolumnSumToEqual(
        column_list=["a", "b"], sum_total=2, ignore_row_if="any_value_is_missing", mostly=0.3
    ),
    gxe.ExpectColumnValuesToBeBetween(column="a", min_value=1, row_condition=A_GIVEN),
    gxe.ExpectColumnValuesToNotBeNull(column="t", mostly=0.6, row_condition=A_GIVEN),
    gxe.ExpectColumnValuesToNotBeNull(column="t", mostly=0.7, row_condition=A_GIVEN),
    gxe.ExpectColumnValuesToNotBeNull(column="t", row_condition="a > 1 or b is null"),
]
for number, rule in enumerate(RULES):
    rule.meta = {"reason": str(number)}

# a rule, and a word of what is said of it where it cannot be judged
WRONG = [
    (gxe.ExpectColumnValuesToNotBeNull(column="a", row_condition="no_such > 1"), "no_such"),
    (gxe.ExpectColumnValuesToMatchRegex(column="t", regex="["), "rlike"),
    (gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="t", column_B="a"), "CAST"),
    (gxe.ExpectColumnValuesToMatchLikePattern(column="t", like_pattern="x%"), "provider"),
]


def test_counts_and_answers_are_those_of_great_expectations(spark: Any) -> None:
    frame = spark.createDataFrame(ROWS, "a int, b int, t string")
    validator = Validator(execution_engine=row_rules.engine(spark, frame))
    asked = [rule.configuration for rule in RULES]
    answers = validator.graph_validate(
        asked, runtime_configuration={"result_format": {"result_format": "SUMMARY"}}
    )
    theirs = {
        answer.expectation_config.meta["reason"]: (
            answer.success,
            answer.result["unexpected_count"],
        )
        for answer in answers
    }
    ours = {v.rule: (v.is_kept, v.rows_broken) for v in _judged(spark, frame, RULES)}
    assert ours == theirs


def test_of_no_rows_every_rule_is_kept(spark: Any) -> None:
    frame = spark.createDataFrame([], "a int, b int, t string")
    assert {(v.is_kept, v.rows_broken) for v in _judged(spark, frame, RULES)} == {(True, 0)}


def test_a_rule_among_rows_is_asked_of_all_of_them(spark: Any) -> None:
    twice = gxe.ExpectColumnValuesToBeUnique(column="a", meta={"reason": "twice"})
    frame = spark.createDataFrame([(1,), (2,), (2,)], "a int")
    (found,) = _judged(spark, frame, [twice])
    assert (found.is_kept, found.observed, found.rows_broken) == (False, "broken", None)


@pytest.mark.parametrize(("wrong", "word"), WRONG)
def test_of_rules_of_which_one_cannot_be_asked_the_others_are_answered(
    spark: Any, wrong: Any, word: str
) -> None:
    wrong.meta = {"reason": "wrong"}
    frame = spark.createDataFrame(ROWS, "a int, b int, t string")
    first, second = _judged(spark, frame, [RULES[0], wrong])
    assert (first.is_kept, first.rows_broken) == (False, 12)
    assert (second.severity, second.is_kept, second.rows_broken) == ("critical", False, None)
    assert second.observed.startswith("could not be judged: ")
    assert word in second.observed


def test_two_rules_of_one_reason_are_told_and_not_silently_one() -> None:
    with pytest.raises(ValueError, match=r"gold\.daily_sales: two rules of the reason 0"):
        _judged(None, None, [RULES[0], RULES[0]])


def _judged(spark: Any, frame: Any, asked: list[Any]) -> list[Any]:
    """Without a key: what is under test are rules of rows."""
    which = Events("gold.daily_sales", "a int, b int, t string", (), "a", (), make=lambda: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(daily_sales, "RULES", asked)
        return [v for v in judge(spark, frame, which) if not v.rule.startswith("key")]
