"""What every score must be, whatever it scores: the score contract of jobs/spark/grading.py."""

import great_expectations.expectations as gxe

from jobs.spark.grading import GRADES, TRENDS

SCORE_RULES = [
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
