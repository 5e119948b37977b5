"""What a row of stock_levels must be beyond its types; a row that is not goes to quarantine."""

import great_expectations.expectations as gxe

IDS = ("store_id", "product_id")

RULES = [
    *(
        gxe.ExpectColumnValuesToMatchRegex(
            column=column, regex=r"^\S+$", severity="critical", meta={"reason": f"blank({column})"}
        )
        for column in IDS
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="_known_at",
        column_B="changed_at",
        or_equal=True,
        severity="critical",
        meta={"reason": "changed_after_the_drop"},
    ),
]
