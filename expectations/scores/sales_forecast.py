"""What a forecast must be: its bounds in order."""

import great_expectations.expectations as gxe

from jobs.spark.grading import GRADES, TRENDS

RULES = [
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="p50",
        column_B="p10",
        or_equal=True,
        severity="critical",
        meta={"reason": "median_below_p10"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="p90",
        column_B="p50",
        or_equal=True,
        severity="critical",
        meta={"reason": "median_above_p90"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="horizon",
        min_value=1,
        severity="critical",
        meta={"reason": "no_such_step"},
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="grade",
        value_set=[*GRADES],
        severity="critical",
        meta={"reason": "no_such_grade"},
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="trend",
        value_set=[*TRENDS],
        severity="critical",
        meta={"reason": "no_such_trend"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="valid_until",
        column_B="as_of_date",
        or_equal=True,
        severity="critical",
        meta={"reason": "expired_when_made"},
    ),
]
