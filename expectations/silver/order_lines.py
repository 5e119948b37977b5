"""What a day's lines must be together."""

import great_expectations.expectations as gxe

KNOWN_SHARE = 0.95  # of the lines; in the demo 0.3% have a product that the ERP does not list

RULES = [
    gxe.ExpectColumnValuesToBeInSet(
        column="is_product_known",
        value_set=[True],
        mostly=KNOWN_SHARE,
        severity="warning",
        meta={"reason": "many_unknown_products"},
    ),
]
