"""What a customer's segment must be: moved by somebody whom we know, and not over when made."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnValuesToBeInSet(
        column="moved_by",
        value_set=["customer", "refit"],
        severity="critical",
        meta={"reason": "moved_by_nobody"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="valid_until",
        column_B="as_of_date",
        or_equal=True,
        severity="critical",
        meta={"reason": "expired_when_made"},
    ),
]
