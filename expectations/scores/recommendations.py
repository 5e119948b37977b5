"""What a list of recommendations must be."""

import great_expectations.expectations as gxe

from jobs.spark.grading import GRADES, TRENDS

RULES = [
    gxe.ExpectColumnValuesToBeBetween(
        column="rank",
        min_value=1,
        severity="critical",
        meta={"reason": "no_such_rank"},
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
