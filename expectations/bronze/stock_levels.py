"""What a row of stock_levels must be beyond its types; a row that is not goes to quarantine."""

import great_expectations.expectations as gxe

from expectations.bronze import not_blank

RULES = [
    *not_blank("store_id", "product_id"),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="_known_at",
        column_B="changed_at",
        or_equal=True,
        severity="critical",
        meta={"reason": "changed_after_the_drop"},
    ),
]
