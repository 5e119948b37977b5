"""What a customer's segment must be beyond its types; a row that is not goes to quarantine."""

import great_expectations.expectations as gxe

from expectations.bronze import not_blank

RULES = [
    *not_blank("account_id"),
    gxe.ExpectColumnValuesToBeBetween(
        column="segment_id", min_value=1, severity="critical", meta={"reason": "id_below_one"}
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="valid_until",
        column_B="as_of_date",
        or_equal=True,
        severity="critical",
        meta={"reason": "expired_when_made"},
    ),
]
