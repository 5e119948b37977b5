"""What may leave for the CRM."""

import great_expectations.expectations as gxe

from jobs.spark.grading import GRADES, TRENDS

RULES = [
    gxe.ExpectColumnValuesToBeBetween(
        column="recency_days",
        min_value=0,
        severity="critical",
        meta={"reason": "bought_in_the_future"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="spend_12_weeks_usd",
        min_value=0,
        severity="warning",
        meta={"reason": "negative_spend"},
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
