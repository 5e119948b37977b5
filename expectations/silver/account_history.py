"""What the periods of a customer must be beyond their types."""

import great_expectations.expectations as gxe

from expectations import ENDS_LATER, SUPERSEDED_LATER

RULES = [
    ENDS_LATER,
    SUPERSEDED_LATER,
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="known_date",
        column_B="valid_from",
        or_equal=True,
        severity="critical",
        meta={"reason": "known_before_it_was_so"},
    ),
]
