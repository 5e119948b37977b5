"""What a list of recommendations must be."""

import great_expectations.expectations as gxe

from expectations.scores import SCORE_RULES

RULES = [
    gxe.ExpectColumnValuesToBeBetween(
        column="rank",
        min_value=1,
        severity="critical",
        meta={"reason": "no_such_rank"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="standing",
        min_value=0,
        max_value=1,
        severity="critical",
        meta={"reason": "no_such_standing"},
    ),
    *SCORE_RULES,
]
