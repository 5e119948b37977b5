"""What may leave for the CRM."""

import great_expectations.expectations as gxe

from expectations.scores import SCORE_RULES

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
    *SCORE_RULES,
]
