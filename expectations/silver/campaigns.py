"""What a campaign must be beyond its types."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnValuesToBeInSet(
        column="campaign_type",
        value_set=["Type A", "Type B", "Type C"],
        severity="warning",
        meta={"reason": "new_kind_of_campaign"},
    ),
]
