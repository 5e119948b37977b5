"""What a model may learn a taste from."""

import great_expectations.expectations as gxe

from expectations import KNOWN_LATER, SUPERSEDED_LATER

RULES = [
    SUPERSEDED_LATER,
    KNOWN_LATER,
    gxe.ExpectColumnValuesToBeBetween(
        column="sales_usd",
        min_value=0,
        strict_min=True,
        severity="critical",
        meta={"reason": "nothing_paid"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="orders",
        min_value=1,
        severity="critical",
        meta={"reason": "no_order"},
    ),
]
