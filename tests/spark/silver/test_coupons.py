def test_rows_repeated_word_by_word_are_counted_as_duplicates(rows, made):
    coupon = {"coupon_upc": "10000085207", "product_id": "9676830", "campaign_id": "26"}
    other_product = {**coupon, "product_id": "9676943"}
    bronze = rows(
        "bronze.coupons",
        {**coupon, "_row_number": 1},
        {**coupon, "_row_number": 2},
        {**coupon, "_row_number": 3},
        {**other_product, "_row_number": 4},
    )
    found = {row.product_id: row for row in made("silver.coupons", bronze)}
    assert {key: row._duplicates for key, row in found.items()} == {"9676830": 2, "9676943": 0}


def test_no_coupons_make_no_rows(rows, made):
    assert made("silver.coupons", rows("bronze.coupons")) == []
