"""What the periods of a product must be beyond their types."""

import great_expectations.expectations as gxe

from expectations import SUPERSEDED_LATER

RULES = [
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="valid_to",
        column_B="valid_from",
        ignore_row_if="either_value_is_missing",
        severity="critical",
        meta={"reason": "ends_before_it_starts"},
    ),
    SUPERSEDED_LATER,
]
