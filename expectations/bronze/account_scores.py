"""What a customer's score must be beyond its types; a row that is not goes to quarantine."""

import great_expectations.expectations as gxe

from expectations.bronze import not_blank

RULES = [
    *not_blank("account_id", "score_name", "grade"),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="valid_until",
        column_B="as_of_date",
        or_equal=True,
        severity="critical",
        meta={"reason": "expired_when_made"},
    ),
]
