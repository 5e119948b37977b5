"""What is planned for a department's week: a share."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnValuesToBeBetween(
        column="promotion_share",
        min_value=0,
        max_value=1,
        severity="critical",
        meta={"reason": "share_out_of_range"},
    ),
]
