import datetime as dt

MONDAY = dt.datetime(2017, 3, 6, 18, tzinfo=dt.UTC)
TUESDAY = MONDAY + dt.timedelta(days=1)


def level(on_hand, changed, known=None):
    return {
        "store_id": "330",
        "product_id": "milk",
        "on_hand": on_hand,
        "changed_at": changed,
        "_known_at": known or changed,
    }


def test_the_newest_level_by_the_erps_clock_counts(rows, made):
    # the older level was landed last
    late = level(12, MONDAY, known=TUESDAY + dt.timedelta(hours=1))
    found = made("silver.stock_levels", rows("bronze.stock_levels", level(7, TUESDAY), late))
    assert [(row.on_hand, row._superseded) for row in found] == [(7, 1)]


def test_no_levels_make_no_rows(rows, made):
    assert made("silver.stock_levels", rows("bronze.stock_levels")) == []
