"""What a movement between segments must be: of somebody, and no more of them by a refit."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnValuesToBeBetween(
        column="accounts",
        min_value=1,
        severity="critical",
        meta={"reason": "nobody_moved"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="accounts",
        column_B="moved_by_refit",
        or_equal=True,
        severity="critical",
        meta={"reason": "more_by_refit_than_moved"},
    ),
]
