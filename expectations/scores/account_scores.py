"""What a customer's score must be: none is below 0."""

import great_expectations.expectations as gxe

from expectations.scores import SCORE_RULES

RULES = [
    gxe.ExpectColumnValuesToBeBetween(
        column="score",
        min_value=0,
        severity="critical",
        meta={"reason": "no_such_score"},
    ),
    *SCORE_RULES,
]
