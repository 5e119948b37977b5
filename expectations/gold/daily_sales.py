"""What a day's sales of a department must be."""

import great_expectations.expectations as gxe

RULES = [
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
    gxe.ExpectColumnValuesToBeBetween(
        column="fuel_gallons",
        min_value=0,
        severity="critical",
        meta={"reason": "negative_gallons"},
    ),
]
