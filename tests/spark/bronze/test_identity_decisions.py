GOOD = {"account_id_a": "1", "account_id_b": "2", "decision": "same"}


def test_a_row_that_cannot_be_is_refused_with_its_reason(broken):
    cases = [
        ({}, []),
        ({"decision": "different"}, []),
        ({"decision": "perhaps"}, ["neither_same_nor_different"]),
        ({"account_id_b": ""}, ["blank(account_id_b)"]),
    ]
    found = broken("bronze.identity_decisions", *({**GOOD, **told} for told, _ in cases))
    assert found == [reasons for _, reasons in cases]
