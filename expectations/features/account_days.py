"""What an account's day must be, as far as it was believed."""

import great_expectations.expectations as gxe

from expectations import KNOWN_LATER, SUPERSEDED_LATER

RULES = [
    KNOWN_LATER,
    SUPERSEDED_LATER,
    gxe.ExpectColumnValuesToBeBetween(
        column="orders",
        min_value=1,
        severity="critical",
        meta={"reason": "no_order"},
    ),
]
