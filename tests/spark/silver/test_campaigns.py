import datetime as dt


def test_what_the_erp_said_last_of_a_campaign_counts(rows, made):
    told = {"campaign_id": "8", "end_date": dt.date(2017, 6, 25)}
    longer = {"campaign_id": "8", "end_date": dt.date(2017, 7, 2)}
    later = {"_known_at": dt.datetime(2017, 6, 1, tzinfo=dt.UTC), "_batch_id": "erp/2017-06-01"}
    found = made("silver.campaigns", rows("bronze.campaigns", told, {**longer, **later}))
    assert [(row.campaign_id, row.end_date.isoformat()) for row in found] == [("8", "2017-07-02")]
    assert found[0]._superseded == 1


def test_no_campaigns_make_no_rows(rows, made):
    assert made("silver.campaigns", rows("bronze.campaigns")) == []
