import datetime as dt


def drop(day, hour=11):
    at = dt.datetime(2017, 1, day, hour, tzinfo=dt.UTC)
    return {"_batch_id": f"erp/{day}/{hour}", "_known_at": at}


def plan(display_location, week=3, **told):
    return {
        "product_id": "milk",
        "store_id": "north",
        "source_week": week,
        "display_location": display_location,
        **told,
    }


def test_a_replaced_plan_was_believed_until_the_newer_one_was_known(rows, made):
    bronze = rows(
        "bronze.promotions",
        plan("1", **drop(6)),
        plan("9", _row_number=2, **drop(6)),
        plan("5", **drop(10)),
        plan("7", **drop(12)),
        plan("1", week=4, **drop(6)),  # a week of which no later drop says anything
    )
    found = made("silver.promotions_superseded", bronze)
    assert sorted(
        (row.display_location, row.known_date.day, row.superseded_date.day) for row in found
    ) == [("1", 5, 9), ("5", 9, 11), ("9", 5, 9)]


def test_a_plan_replaced_by_the_same_closing_was_never_believed(rows, made):
    bronze = rows("bronze.promotions", plan("1", **drop(6)), plan("2", **drop(6, hour=13)))
    assert made("silver.promotions_superseded", bronze) == []


def test_no_plan_makes_no_rows(rows, made):
    assert made("silver.promotions_superseded", rows("bronze.promotions")) == []
