"""What the customers that accounts are must be beyond their types."""

import great_expectations.expectations as gxe

LARGEST = 10  # accounts of one customer: beyond that a person should look

RULES = [
    gxe.ExpectColumnValuesToBeBetween(
        column="accounts",
        min_value=1,
        max_value=LARGEST,
        severity="warning",
        meta={"reason": "many_accounts_of_one_customer"},
    ),
]
