"""What a line of the till must be beyond its types; a row that is not goes to quarantine."""

import datetime as dt

import great_expectations.expectations as gxe

from expectations.bronze import not_blank

# the till nets returns before it sends: a negative line is an error, and its sign is not guessed
# and nobody pays a million for one line, or buys ten million pieces (fuel comes in thousandths of a
# gallon): one such value would not fit into the sums of all days
LARGEST = {
    "quantity": 10_000_000,
    "sales_usd": 1_000_000,
    "loyalty_discount_usd": 1_000_000,
    "coupon_discount_usd": 1_000_000,
    "coupon_match_discount_usd": 1_000_000,
}
OLDEST = dt.datetime(2000, 1, 1)  # a till's clock that was reset starts at 1970

RULES = [
    *not_blank("account_id", "store_id", "order_id", "product_id"),
    *(
        gxe.ExpectColumnValuesToBeBetween(
            column=column, min_value=0, severity="critical", meta={"reason": f"negative({column})"}
        )
        for column in LARGEST
    ),
    *(
        gxe.ExpectColumnValuesToBeBetween(
            column=column,
            max_value=largest,
            severity="critical",
            meta={"reason": f"too_large({column})"},
        )
        for column, largest in LARGEST.items()
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="source_week", min_value=1, severity="critical", meta={"reason": "week_below_one"}
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="sold_at",
        min_value=OLDEST,
        severity="critical",
        meta={"reason": "sold_long_ago"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="_known_at",
        column_B="sold_at",
        or_equal=True,
        severity="critical",
        meta={"reason": "sold_after_the_drop"},
    ),
]
