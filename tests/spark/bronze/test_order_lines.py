import datetime as dt

LINE = {
    "_known_at": dt.datetime(2017, 3, 6, 11, tzinfo=dt.UTC),
    "sold_at": dt.datetime(2017, 3, 5, 15, tzinfo=dt.UTC),
}
AFTER_THE_DROP = dt.datetime(2017, 3, 6, 12, tzinfo=dt.UTC)


def test_a_line_that_cannot_be_is_refused_with_its_reasons(broken):
    cases = [
        ({}, []),
        ({"quantity": 0, "sales_usd": 0}, []),  # free goods
        ({"sales_usd": -0.01}, ["negative(sales_usd)"]),
        ({"quantity": -1}, ["negative(quantity)"]),
        ({"quantity": 2**63 - 1}, ["too_large(quantity)"]),  # two of them fit into no sum
        ({"sales_usd": 9_999_999_999.99}, ["too_large(sales_usd)"]),
        ({"loyalty_discount_usd": -1}, ["negative(loyalty_discount_usd)"]),
        ({"coupon_discount_usd": -1}, ["negative(coupon_discount_usd)"]),
        ({"coupon_match_discount_usd": -1}, ["negative(coupon_match_discount_usd)"]),
        ({"account_id": " "}, ["blank(account_id)"]),
        ({"order_id": ""}, ["blank(order_id)"]),
        ({"source_week": 0}, ["week_below_one"]),
        ({"sold_at": AFTER_THE_DROP}, ["sold_after_the_drop"]),
        ({"sold_at": dt.datetime(1970, 1, 1, tzinfo=dt.UTC)}, ["sold_long_ago"]),
        ({"sales_usd": -1, "store_id": ""}, ["blank(store_id)", "negative(sales_usd)"]),
    ]
    found = broken("bronze.order_lines", *({**LINE, **told} for told, _ in cases))
    assert found == [reasons for _, reasons in cases]


def test_no_lines_break_no_rule(broken):
    assert broken("bronze.order_lines") == []
