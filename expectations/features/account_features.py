"""What a snapshot may know: nothing after its Sunday, nothing older than 52 weeks."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnValuesToBeBetween(
        column="recency_days",
        min_value=0,
        max_value=363,
        severity="critical",
        meta={"reason": "outside_the_window"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="tenure_days",
        column_B="recency_days",
        or_equal=True,
        severity="critical",
        meta={"reason": "first_order_after_last"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="orders_52_weeks",
        column_B="orders_12_weeks",
        or_equal=True,
        severity="critical",
        meta={"reason": "windows_do_not_nest"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="fuel_share",
        min_value=0,
        max_value=1,
        severity="warning",
        meta={"reason": "fuel_share_out_of_range"},
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="is_days_between_orders_imputed",
        value_set=[False],
        mostly=0.0,
        severity="info",
        meta={"reason": "imputed(days_between_orders)"},
    ),
]
