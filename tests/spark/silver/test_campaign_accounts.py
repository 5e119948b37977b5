import datetime as dt


def test_an_account_told_twice_was_known_with_the_first_drop(rows, made):
    first = dt.datetime(2017, 5, 8, 10, tzinfo=dt.UTC)
    again = {"_known_at": first + dt.timedelta(days=9), "_batch_id": "erp/2017-05-17"}
    pair = {"campaign_id": "8", "account_id": "7"}
    bronze = rows("bronze.campaign_accounts", {**pair, **again}, {**pair, "_known_at": first})
    found = made("silver.campaign_accounts", bronze, rows("silver.account_identities"))
    assert [(row.campaign_id, row.account_id, row._duplicates) for row in found] == [("8", "7", 1)]
    assert found[0].known_at.day == 8


def test_no_accounts_make_no_rows(rows, made):
    nobody = rows("silver.account_identities")
    assert made("silver.campaign_accounts", rows("bronze.campaign_accounts"), nobody) == []


def test_a_campaign_that_reached_two_accounts_of_a_customer_reached_one_customer(rows, made):
    same = rows("silver.account_identities", {"account_id": "8", "customer_id": "7"})
    bronze = rows("bronze.campaign_accounts", {"account_id": "7"}, {"account_id": "8"})
    found = made("silver.campaign_accounts", bronze, same)
    assert [row.account_id for row in found] == ["7"]
