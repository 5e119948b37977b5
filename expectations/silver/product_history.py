"""What the periods of a product must be beyond their types."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="valid_to",
        column_B="valid_from",
        ignore_row_if="either_value_is_missing",
        severity="critical",
        meta={"reason": "ends_before_it_starts"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="superseded_date",
        column_B="known_date",
        severity="critical",
        meta={"reason": "superseded_before_it_was_known"},
    ),
]
