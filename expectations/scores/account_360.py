"""What the whole of a customer must be: no score that is over, none of who is not contactable."""

import great_expectations.expectations as gxe
from great_expectations.expectations.row_conditions import Column

HOLDING = (
    *("churn_valid_until", "soft_churn_valid_until", "offer_valid_until", "value_valid_until"),
    *("segment_valid_until", "next_products_valid_until"),
)
CHANCES = ("churn_chance", "soft_churn_chance", "offer_chance", "next_products_standing")
SCORES = (*CHANCES, "value_usd", "segment_id")

RULES = [
    *[
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=until,
            column_B="as_of_date",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            severity="critical",
            meta={"reason": f"over({until})"},
        )
        for until in HOLDING
    ],
    *[
        gxe.ExpectColumnValuesToBeBetween(
            column=chance,
            min_value=0,
            max_value=1,
            severity="critical",
            meta={"reason": f"no_chance({chance})"},
        )
        for chance in CHANCES
    ],
    *[
        gxe.ExpectColumnValuesToBeNull(
            column=score,
            row_condition=Column("is_contactable") == False,  # noqa: E712 - a condition, not a value
            severity="critical",
            meta={"reason": f"scored_though_objecting({score})"},
        )
        for score in SCORES
    ],
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="as_of_date",
        column_B="last_order_date",
        or_equal=True,
        ignore_row_if="either_value_is_missing",
        severity="critical",
        meta={"reason": "ordered_after_the_day"},
    ),
]
