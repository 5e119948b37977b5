"""What a follow-up must be: of a known kind, and of an amount that is one."""

import great_expectations.expectations as gxe

KINDS = [
    "activity",
    "opportunity_overdue",
    "opportunity_silent",
    "next_action",
    "renewal_overdue",
]
RULES = [
    gxe.ExpectColumnValuesToBeInSet(
        column="kind", value_set=KINDS, severity="critical", meta={"reason": "unknown_kind"}
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="expected_amount",
        min_value=0,
        severity="warning",
        meta={"reason": "worth_less_than_nothing"},
    ),
]
