import datetime as dt

GOOD = {"account_id": "900", "score_name": "churn", "grade": "A", "reasons": "[]"}


def test_a_row_that_cannot_be_is_refused_with_its_reason(broken):
    cases = [
        ({}, []),
        ({"campaign_id": None}, []),
        ({"account_id": ""}, ["blank(account_id)"]),
        ({"score_name": " "}, ["blank(score_name)"]),
        ({"grade": ""}, ["blank(grade)"]),
        (
            {"as_of_date": dt.date(2017, 5, 8), "valid_until": dt.date(2017, 5, 7)},
            ["expired_when_made"],
        ),
    ]
    found = broken("bronze.account_scores", *({**GOOD, **told} for told, _ in cases))
    assert found == [reasons for _, reasons in cases]
