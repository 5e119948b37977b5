import datetime as dt

FIRST = {"_batch_id": "erp/1", "_known_at": dt.datetime(2017, 1, 6, 11, tzinfo=dt.UTC)}
SECOND = {"_batch_id": "erp/2", "_known_at": dt.datetime(2017, 1, 7, 11, tzinfo=dt.UTC)}


def plan(display_location, week=3, **told):
    return {
        "product_id": "milk",
        "store_id": "north",
        "source_week": week,
        "display_location": display_location,
        **told,
    }


def test_a_product_may_stand_in_two_places_of_a_shop(rows, made):
    bronze = rows("bronze.promotions", plan("1", **FIRST), plan("9", _row_number=2, **FIRST))
    found = made("silver.promotions", bronze)
    assert sorted(row.display_location for row in found) == ["1", "9"]
    assert {row.week_start_date for row in found} == {dt.date(2017, 1, 9)}


def test_a_weeks_newest_plan_replaces_the_older_one_as_a_whole(rows, made):
    bronze = rows(
        "bronze.promotions",
        plan("1", **FIRST),
        plan("9", _row_number=2, **FIRST),
        plan("5", **SECOND),
        plan("1", week=4, **FIRST),  # a week of which the second drop says nothing
    )
    found = made("silver.promotions", bronze)
    assert sorted((row.week_start_date.day, row.display_location) for row in found) == [
        (9, "5"),
        (16, "1"),
    ]
    assert sum(row._superseded for row in found) == 2


def test_equal_places_in_two_shops_are_two_rows(rows, made):
    bronze = rows("bronze.promotions", plan("1", **FIRST), plan("1", store_id="south", **FIRST))
    assert len(made("silver.promotions", bronze)) == 2


def test_no_plan_makes_no_rows(rows, made):
    assert made("silver.promotions", rows("bronze.promotions")) == []
