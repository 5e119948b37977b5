"""What an account's day must be."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="first_known_date",
        column_B="business_date",
        or_equal=True,
        severity="critical",
        meta={"reason": "known_before_it_happened"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="known_date",
        column_B="first_known_date",
        or_equal=True,
        severity="critical",
        meta={"reason": "known_before_its_first_line"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="lines",
        column_B="orders",
        or_equal=True,
        severity="critical",
        meta={"reason": "more_orders_than_lines"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="sales_usd",
        min_value=0,
        severity="warning",
        meta={"reason": "negative_sales"},
    ),
]
