"""What a forecast must be: its bounds in order."""

import great_expectations.expectations as gxe

from expectations.scores import SCORE_RULES

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
    *SCORE_RULES,
]
