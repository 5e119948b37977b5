import datetime as dt

GOOD = {"account_id": "900"}


def test_a_row_that_cannot_be_is_refused_with_its_reason(broken):
    cases = [
        ({"segment_id": 3}, []),
        ({"segment_id": None}, []),  # near no segment
        ({"account_id": ""}, ["blank(account_id)"]),
        ({"segment_id": 0}, ["id_below_one"]),
        (
            {"as_of_date": dt.date(2017, 5, 8), "valid_until": dt.date(2017, 5, 7)},
            ["expired_when_made"],
        ),
    ]
    found = broken("bronze.account_segments", *({**GOOD, **told} for told, _ in cases))
    assert found == [reasons for _, reasons in cases]
