import datetime as dt


def test_a_redemption_sent_again_is_there_once(rows, made):
    redeemed = {
        "account_id": "7",
        "coupon_upc": "1",
        "campaign_id": "26",
        "redemption_date": dt.date(2017, 1, 1),
    }
    next_day = {**redeemed, "redemption_date": dt.date(2017, 1, 2)}
    bronze = rows("bronze.redemptions", redeemed, {**redeemed, "_row_number": 2}, next_day)
    silver = made("silver.redemptions", bronze, rows("silver.account_identities"))
    found = {row.redemption_date.day: row for row in silver}
    assert {day: row._duplicates for day, row in found.items()} == {1: 1, 2: 0}


def test_a_day_without_redemptions_makes_no_rows(rows, made):
    nobody = rows("silver.account_identities")
    assert made("silver.redemptions", rows("bronze.redemptions"), nobody) == []


def test_a_coupon_of_another_account_of_the_customer_is_the_customer_s(rows, made):
    same = rows("silver.account_identities", {"account_id": "8", "customer_id": "7"})
    bronze = rows("bronze.redemptions", {"account_id": "8"}, {"account_id": "9"})
    found = made("silver.redemptions", bronze, same)
    assert sorted(row.account_id for row in found) == ["7", "9"]
