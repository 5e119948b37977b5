"""What a renewal must be: of a known kind, due after what it rests on, worth something."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnValuesToBeInSet(
        column="kind",
        value_set=["reorder", "opportunity"],
        severity="critical",
        meta={"reason": "unknown_kind"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="due_date",
        column_B="last_date",
        ignore_row_if="either_value_is_missing",
        severity="critical",
        meta={"reason": "due_before_it_was_bought"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="valid_until",
        column_B="due_date",
        ignore_row_if="either_value_is_missing",
        severity="critical",
        meta={"reason": "over_before_it_is_due"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="expected_amount",
        min_value=0,
        severity="critical",
        meta={"reason": "worth_less_than_nothing"},
    ),
]
