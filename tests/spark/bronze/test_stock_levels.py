import datetime as dt

KNOWN = dt.datetime(2017, 3, 6, 18, tzinfo=dt.UTC)


def test_a_level_without_an_article_or_from_the_future_is_refused(broken):
    good = {"store_id": "330", "product_id": "milk", "_known_at": KNOWN, "changed_at": KNOWN}
    later = {**good, "changed_at": KNOWN + dt.timedelta(seconds=1)}
    found = broken("bronze.stock_levels", good, {**good, "product_id": " "}, later)
    assert found == [[], ["blank(product_id)"], ["changed_after_the_drop"]]
