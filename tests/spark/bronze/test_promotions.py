GOOD = {"product_id": "1000050", "store_id": "316"}


def test_a_row_that_cannot_be_is_refused_with_its_reason(broken):
    cases = [
        ({}, []),
        ({"product_id": ""}, ["blank(product_id)"]),
        ({"store_id": " "}, ["blank(store_id)"]),
        ({"source_week": 0}, ["week_below_one"]),
    ]
    found = broken("bronze.promotions", *({**GOOD, **told} for told, _ in cases))
    assert found == [reasons for _, reasons in cases]
