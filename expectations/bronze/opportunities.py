"""What a row of opportunities must be beyond its types; a row that is not goes to quarantine."""

import great_expectations.expectations as gxe

from expectations.bronze import not_blank

RULES = [
    *not_blank("opportunity_id"),
    gxe.ExpectColumnValuesToBeInSet(
        column="status",
        value_set=["open", "won", "lost"],
        severity="critical",
        meta={"reason": "unknown_status"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="probability_pct",
        min_value=0,
        max_value=100,
        severity="critical",
        meta={"reason": "no_share"},
    ),
    gxe.ExpectColumnValuesToMatchRegex(
        column="currency_code",
        regex=r"^[A-Z]{3}$",
        severity="critical",
        meta={"reason": "no_currency"},
    ),
]
