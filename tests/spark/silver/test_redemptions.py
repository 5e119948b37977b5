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
    found = {row.redemption_date.day: row for row in made("silver.redemptions", bronze)}
    assert {day: row._duplicates for day, row in found.items()} == {1: 1, 2: 0}


def test_a_day_without_redemptions_makes_no_rows(rows, made):
    assert made("silver.redemptions", rows("bronze.redemptions")) == []
