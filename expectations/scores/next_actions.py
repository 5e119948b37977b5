"""What a next action must be: worth something, in time, and one at most for a customer."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnValuesToBeUnique(
        column="account_id",
        severity="critical",
        meta={"reason": "two_actions_at_once"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="expected_value_usd",
        min_value=0,
        severity="critical",
        meta={"reason": "worth_less_than_nothing"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="valid_until",
        column_B="due_date",
        or_equal=True,
        ignore_row_if="either_value_is_missing",
        severity="critical",
        meta={"reason": "due_when_over"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="valid_until",
        column_B="as_of_date",
        or_equal=True,
        severity="critical",
        meta={"reason": "expired_when_made"},
    ),
]
