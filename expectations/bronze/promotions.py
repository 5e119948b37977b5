"""What a row of promotions must be beyond its types; a row that is not goes to quarantine."""

import great_expectations.expectations as gxe

from expectations.bronze import not_blank

RULES = [
    *not_blank("product_id", "store_id"),
    gxe.ExpectColumnValuesToBeBetween(
        column="source_week", min_value=1, severity="critical", meta={"reason": "week_below_one"}
    ),
]
