"""Rules that tables of several layers keep alike."""

import great_expectations.expectations as gxe

# a version that nobody ever believed is none (history as known, docs/history.md)
SUPERSEDED_LATER = gxe.ExpectColumnPairValuesAToBeGreaterThanB(
    column_A="superseded_date",
    column_B="known_date",
    severity="critical",
    meta={"reason": "superseded_before_it_was_known"},
)
ENDS_LATER = gxe.ExpectColumnPairValuesAToBeGreaterThanB(
    column_A="valid_to",
    column_B="valid_from",
    ignore_row_if="either_value_is_missing",
    severity="critical",
    meta={"reason": "ends_before_it_starts"},
)
KNOWN_LATER = gxe.ExpectColumnPairValuesAToBeGreaterThanB(
    column_A="known_date",
    column_B="business_date",
    or_equal=True,
    severity="critical",
    meta={"reason": "known_before_it_happened"},
)
