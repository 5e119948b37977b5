"""What pairs of accounts must be beyond their types."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnValuesToBeInSet(
        column="rule",
        value_set=["key", "score", "review"],
        severity="critical",
        meta={"reason": "unknown_rule"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="account_id_b",
        column_B="account_id_a",
        severity="critical",
        meta={"reason": "pair_the_wrong_way_round"},
    ),
]
