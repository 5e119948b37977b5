"""What a row of campaigns must be beyond its types; a row that is not goes to quarantine."""

import great_expectations.expectations as gxe

from expectations.bronze import not_blank

RULES = [
    *not_blank("campaign_id"),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="end_date",
        column_B="start_date",
        or_equal=True,
        severity="critical",
        meta={"reason": "ends_before_it_starts"},
    ),
]
