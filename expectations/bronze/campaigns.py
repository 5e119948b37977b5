"""What a row of campaigns must be beyond its types; a row that is not goes to quarantine."""

import great_expectations.expectations as gxe

IDS = ("campaign_id",)

RULES = [
    *(
        gxe.ExpectColumnValuesToMatchRegex(
            column=column, regex=r"^\S+$", severity="critical", meta={"reason": f"blank({column})"}
        )
        for column in IDS
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="end_date",
        column_B="start_date",
        or_equal=True,
        severity="critical",
        meta={"reason": "ends_before_it_starts"},
    ),
]
