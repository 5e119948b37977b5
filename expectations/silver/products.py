"""What a product's list must be: sizes that can be compared, as far as they are sizes."""

import great_expectations.expectations as gxe
from great_expectations.expectations.row_conditions import Column

READ_SHARE = 0.8  # of the sizes given; in the demo 93%: the others are inches, loads, LARGE

RULES = [
    gxe.ExpectColumnValuesToNotBeNull(
        column="package_amount",
        row_condition=Column("package_size").is_not_null(),
        mostly=READ_SHARE,
        severity="warning",
        meta={"reason": "package_size_not_read"},
    ),
]
