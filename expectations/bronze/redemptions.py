"""What a row of redemptions must be beyond its types; a row that is not goes to quarantine."""

import great_expectations.expectations as gxe

from expectations.bronze import not_blank

RULES = [
    *not_blank("account_id", "coupon_upc", "campaign_id"),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="_known_at",
        column_B="redemption_date",
        or_equal=True,
        severity="critical",
        meta={"reason": "redeemed_after_the_drop"},
    ),
]
