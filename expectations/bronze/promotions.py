"""What a row of promotions must be beyond its types; a row that is not goes to quarantine."""

import great_expectations.expectations as gxe

IDS = ("product_id", "store_id")

RULES = [
    *(
        gxe.ExpectColumnValuesToMatchRegex(
            column=column, regex=r"^\S+$", severity="critical", meta={"reason": f"blank({column})"}
        )
        for column in IDS
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="source_week", min_value=1, severity="critical", meta={"reason": "week_below_one"}
    ),
]
