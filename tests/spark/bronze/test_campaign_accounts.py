GOOD = {"campaign_id": "8", "account_id": "900"}


def test_a_row_that_cannot_be_is_refused_with_its_reason(broken):
    cases = [
        ({}, []),
        ({"campaign_id": ""}, ["blank(campaign_id)"]),
        ({"account_id": " "}, ["blank(account_id)"]),
    ]
    found = broken("bronze.campaign_accounts", *({**GOOD, **told} for told, _ in cases))
    assert found == [reasons for _, reasons in cases]
