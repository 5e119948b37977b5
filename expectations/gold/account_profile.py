"""What a customer's profile must be."""

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
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="orders",
        column_B="orders_12_weeks",
        or_equal=True,
        severity="critical",
        meta={"reason": "more_orders_of_late_than_ever"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="coupon_share",
        min_value=0,
        max_value=1,
        severity="critical",
        meta={"reason": "more_coupon_days_than_order_days"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="campaign_answer_rate",
        min_value=0,
        max_value=1,
        severity="critical",
        meta={"reason": "more_answered_than_received"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="coupon_use_rate",
        min_value=0,
        max_value=1,
        severity="critical",
        meta={"reason": "more_coupons_used_than_offered"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="accounts",
        min_value=1,
        severity="critical",
        meta={"reason": "customer_without_an_account"},
    ),
]
