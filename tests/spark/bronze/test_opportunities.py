GOOD = {"status": "open", "currency_code": "EUR", "probability_pct": 20.0}


def test_a_row_that_cannot_be_is_refused_with_its_reason(broken):
    cases = [
        ({}, []),
        # nobody said how much, or how likely
        ({"currency_code": None, "probability_pct": None}, []),
        ({"opportunity_id": " "}, ["blank(opportunity_id)"]),
        # a word of the CRM that no map translates
        ({"status": "pending"}, ["unknown_status"]),
        ({"probability_pct": 101.0}, ["no_share"]),
        ({"currency_code": "euro"}, ["no_currency"]),
    ]
    found = broken("bronze.opportunities", *({**GOOD, **told} for told, _ in cases))
    assert found == [reasons for _, reasons in cases]


def test_no_rows_break_no_rules(broken):
    assert broken("bronze.opportunities") == []
