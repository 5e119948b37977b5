import datetime as dt

GOOD = {"coupon_upc": "1", "account_id": "2", "campaign_id": "3"}


def test_a_row_that_cannot_be_is_refused_with_its_reason(broken):
    cases = [
        ({}, []),
        ({"coupon_upc": ""}, ["blank(coupon_upc)"]),
        ({"account_id": " "}, ["blank(account_id)"]),
        ({"campaign_id": "7 8"}, ["blank(campaign_id)"]),
        ({"redemption_date": dt.date(2031, 3, 5)}, ["redeemed_after_the_drop"]),
    ]
    found = broken("bronze.redemptions", *({**GOOD, **told} for told, _ in cases))
    assert found == [reasons for _, reasons in cases]
