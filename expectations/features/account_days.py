"""What an account's day must be, as far as it was believed."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="known_date",
        column_B="business_date",
        or_equal=True,
        severity="critical",
        meta={"reason": "known_before_it_happened"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="superseded_date",
        column_B="known_date",
        severity="critical",
        meta={"reason": "superseded_before_it_was_known"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="orders",
        min_value=1,
        severity="critical",
        meta={"reason": "no_order"},
    ),
]
