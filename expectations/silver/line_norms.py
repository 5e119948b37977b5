"""What is usual lies around the median."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="high",
        column_B="median",
        severity="critical",
        meta={"reason": "usual_ends_below_its_median"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="median",
        column_B="low",
        severity="critical",
        meta={"reason": "usual_begins_above_its_median"},
    ),
]
