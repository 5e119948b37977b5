"""What a person's word must be beyond its types; a row that is not goes to quarantine."""

import great_expectations.expectations as gxe

RULES = [
    *(
        gxe.ExpectColumnValuesToMatchRegex(
            column=column, regex=r"^\S+$", severity="critical", meta={"reason": f"blank({column})"}
        )
        for column in ("account_id_a", "account_id_b")
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="decision",
        value_set=["same", "different"],
        severity="critical",
        meta={"reason": "neither_same_nor_different"},
    ),
]
