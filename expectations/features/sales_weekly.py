"""What a series' week must be."""

import great_expectations.expectations as gxe

from expectations import SUPERSEDED_LATER

RULES = [
    SUPERSEDED_LATER,
    gxe.ExpectColumnValuesToBeBetween(
        column="promotion_share",
        min_value=0,
        max_value=1,
        severity="critical",
        meta={"reason": "share_out_of_range"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="holiday_days",
        min_value=0,
        max_value=7,
        severity="critical",
        meta={"reason": "holidays_out_of_range"},
    ),
]
