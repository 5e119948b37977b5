"""What a row of redemptions must be beyond its types; a row that is not goes to quarantine."""

import great_expectations.expectations as gxe

IDS = ("account_id", "coupon_upc", "campaign_id")

RULES = [
    *(
        gxe.ExpectColumnValuesToMatchRegex(
            column=column, regex=r"^\S+$", severity="critical", meta={"reason": f"blank({column})"}
        )
        for column in IDS
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="_known_at",
        column_B="redemption_date",
        or_equal=True,
        severity="critical",
        meta={"reason": "redeemed_after_the_drop"},
    ),
]
