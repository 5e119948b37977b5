"""What a customer's history must be."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="last_order_date",
        column_B="first_order_date",
        or_equal=True,
        ignore_row_if="either_value_is_missing",
        severity="critical",
        meta={"reason": "last_order_before_first"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="orders",
        column_B="order_days",
        or_equal=True,
        severity="critical",
        meta={"reason": "more_days_than_orders"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="discount_share",
        min_value=0,
        max_value=1,
        severity="warning",
        meta={"reason": "discount_out_of_range"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="coupons_redeemed",
        column_B="campaigns_answered",
        or_equal=True,
        severity="critical",
        meta={"reason": "more_campaigns_than_coupons"},
    ),
]
