GOOD = {"product_id": "25671", "product_type": None}


def test_a_row_that_cannot_be_is_refused_with_its_reason(broken):
    cases = [
        ({}, []),
        ({"product_id": ""}, ["blank(product_id)"]),
    ]
    found = broken("bronze.products", *({**GOOD, **told} for told, _ in cases))
    assert found == [reasons for _, reasons in cases]
