"""What the blocks of customers must be beyond their types."""

import great_expectations.expectations as gxe

RULES = [
    # more accounts of one value than are compared: duplicates among them are found by others only
    gxe.ExpectColumnValuesToBeInSet(
        column="skipped_blocks",
        value_set=[0],
        severity="warning",
        meta={"reason": "blocks_left_out"},
    ),
]
