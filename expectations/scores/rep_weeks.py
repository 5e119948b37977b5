"""What a salesperson's week must be: of customers who are theirs, none counted twice."""

import great_expectations.expectations as gxe

RULES = [
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="customers",
        column_B="active_customers",
        or_equal=True,
        severity="critical",
        meta={"reason": "more_bought_than_there_are"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="customers",
        column_B="customers_at_risk",
        or_equal=True,
        ignore_row_if="either_value_is_missing",
        severity="critical",
        meta={"reason": "more_at_risk_than_there_are"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="orders",
        column_B="active_customers",
        or_equal=True,
        severity="critical",
        meta={"reason": "bought_without_an_order"},
    ),
]
