import datetime as dt

GOOD = {"campaign_id": "8"}


def test_a_row_that_cannot_be_is_refused_with_its_reason(broken):
    cases = [
        ({}, []),
        ({"campaign_id": ""}, ["blank(campaign_id)"]),
        (
            {"start_date": dt.date(2017, 5, 8), "end_date": dt.date(2017, 5, 7)},
            ["ends_before_it_starts"],
        ),
    ]
    found = broken("bronze.campaigns", *({**GOOD, **told} for told, _ in cases))
    assert found == [reasons for _, reasons in cases]
