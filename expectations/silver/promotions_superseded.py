"""What a plan that is believed no more must be."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="superseded_date",
        column_B="known_date",
        severity="critical",
        meta={"reason": "superseded_before_it_was_known"},
    ),
]
