"""What a product's week must be: shares are of the shops with a plan."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnValuesToBeBetween(
        column="display_store_share",
        min_value=0,
        max_value=1,
        severity="critical",
        meta={"reason": "share_out_of_range"},
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="mailer_store_share",
        min_value=0,
        max_value=1,
        severity="critical",
        meta={"reason": "mailer_share_out_of_range"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="promoted_store_share",
        column_B="display_store_share",
        or_equal=True,
        severity="critical",
        meta={"reason": "displayed_but_not_promoted"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="lines",
        column_B="accounts",
        or_equal=True,
        severity="critical",
        meta={"reason": "more_accounts_than_lines"},
    ),
]
