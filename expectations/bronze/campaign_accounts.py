"""What a row of campaign_accounts must be beyond its types; else it goes to quarantine."""

import great_expectations.expectations as gxe

IDS = ("campaign_id", "account_id")

RULES = [
    *(
        gxe.ExpectColumnValuesToMatchRegex(
            column=column, regex=r"^\S+$", severity="critical", meta={"reason": f"blank({column})"}
        )
        for column in IDS
    ),
]
