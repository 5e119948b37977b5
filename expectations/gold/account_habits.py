"""What a customer's habits must be."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnValuesToBeBetween(
        column="discounted_line_share",
        min_value=0,
        max_value=1,
        severity="critical",
        meta={"reason": "more_discounted_than_sold"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="private_label_share",
        min_value=0,
        max_value=1,
        severity="critical",
        meta={"reason": "more_own_label_than_goods"},
    ),
]
