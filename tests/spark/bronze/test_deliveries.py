GOOD = {"connection": "tryton", "account_id": "900", "event": "written", "plan_id": "ab"}


def test_a_row_that_cannot_be_is_refused_with_its_reason(broken):
    cases = [
        ({}, []),
        ({"reason": None, "written_at": None, "cleared_for": None}, []),
        ({"connection": ""}, ["blank(connection)"]),
        ({"account_id": " "}, ["blank(account_id)"]),
        ({"event": ""}, ["blank(event)"]),
        ({"plan_id": ""}, ["blank(plan_id)"]),
    ]
    found = broken("bronze.deliveries", *({**GOOD, **told} for told, _ in cases))
    assert found == [reasons for _, reasons in cases]
