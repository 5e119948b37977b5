GOOD = {"account_id": "900", "email": None}


def test_a_row_that_cannot_be_is_refused_with_its_reason(broken):
    cases = [
        ({}, []),
        ({"account_id": ""}, ["blank(account_id)"]),
    ]
    found = broken("bronze.accounts", *({**GOOD, **told} for told, _ in cases))
    assert found == [reasons for _, reasons in cases]
