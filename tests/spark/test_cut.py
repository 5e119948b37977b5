"""Features made again from tables cut at a day are those of the day, unless `make` reads ahead."""

import dataclasses
import datetime as dt

import pytest
from pyspark.sql import Window
from pyspark.sql import functions as F

from jobs.spark import cut
from jobs.table import FOREVER, KeepsNoHistory, built_table

SUNDAY = dt.date(2017, 3, 5)
DAY = dt.timedelta(days=1)
LATE, JUNE = SUNDAY + 9 * DAY, dt.date(2017, 6, 10)
INTERACTIONS = "features.interactions"


def line(**told):
    return {
        "account_id": "900",
        "product_id": "milk",
        "is_product_known": True,
        "is_merchandise": True,
        "business_date": SUNDAY,
        "known_date": SUNDAY,
        "department": "GROCERY",
        "quantity": 1,
        "units": 1,
        "sales_usd": 2,
        **told,
    }


@pytest.fixture
def read(rows):
    """Lines of which one came late and one was corrected in June, and a day that came after."""
    tables = {
        "silver.order_lines": rows(
            "silver.order_lines",
            line(order_id="1"),
            line(order_id="2", known_date=LATE),
            line(order_id="3", sales_usd=5, known_date=JUNE),
            line(order_id="4", business_date=JUNE, known_date=JUNE),
        ),
        "silver.order_lines_superseded": rows(
            "silver.order_lines_superseded", line(order_id="3", sales_usd=9, superseded_date=JUNE)
        ),
    }
    made = built_table(INTERACTIONS).make(*tables.values())
    tables[INTERACTIONS] = made
    return tables.__getitem__


def told(read, date: dt.date) -> list[tuple[int, float]]:
    found = cut.cut("silver.order_lines", date, read)
    return sorted((int(row.order_id), float(row.sales_usd)) for row in found.collect())


def test_a_table_is_cut_as_it_stood(read):
    assert told(read, SUNDAY - DAY) == []
    # the third line was believed with 9 USD until June
    assert told(read, SUNDAY) == [(1, 2.0), (3, 9.0)]
    assert told(read, LATE) == [(1, 2.0), (2, 2.0), (3, 9.0)]
    assert told(read, JUNE) == [(1, 2.0), (2, 2.0), (3, 5.0), (4, 2.0)]


def test_what_was_superseded_later_stands_still_at_the_cut(read):
    once = "silver.order_lines_superseded"
    assert cut.cut(once, LATE, read).count() == 0
    assert cut.cut(once, JUNE, read).count() == 1
    stood = cut.as_it_stood(read(once), LATE)
    assert [row.superseded_date for row in stood.collect()] == [FOREVER]


@pytest.mark.parametrize("date", [SUNDAY - DAY, SUNDAY, LATE, JUNE])
def test_features_made_again_from_cut_tables_are_equal_row_by_row(read, date):
    stored = cut.known_then(read(INTERACTIONS), INTERACTIONS, date)
    again = cut.made_again(INTERACTIONS, date, read)
    [found] = cut.beside(stored, again).collect()
    assert (found.rows, found.unlike) == (stored.count(), 0)
    assert found.rows == {SUNDAY - DAY: 0, SUNDAY: 1, LATE: 2, JUNE: 4}[date]


def test_features_that_know_what_came_later_are_found(read, monkeypatch):
    made = built_table(INTERACTIONS)

    def make(order_lines, superseded):
        # a planted future: units of the product on all days, those that are still to come too
        all_days = Window.partitionBy("product_id")
        return made.make(order_lines, superseded).withColumn("units", F.sum("units").over(all_days))

    leaky = dataclasses.replace(made, make=make)
    monkeypatch.setattr(
        cut, "built_table", lambda name: leaky if name == INTERACTIONS else built_table(name)
    )
    everything = make(read("silver.order_lines"), read("silver.order_lines_superseded"))
    stored = cut.known_then(everything, INTERACTIONS, LATE)
    [found] = cut.beside(stored, cut.made_again(INTERACTIONS, LATE, read)).collect()
    # the two rows of that day as they are, and as they would have been
    assert (found.rows, found.unlike) == (2, 4)


def test_rows_are_counted_and_nulls_are_alike(spark):
    first = spark.createDataFrame([("a", None), ("a", None), ("b", 1)], "name string, n int")
    other = spark.createDataFrame([("a", None), ("b", 1), ("c", 1)], "name string, n int")
    [found] = cut.beside(first, other).collect()
    # a once more in the first, c in the other
    assert (found.rows, found.unlike) == (3, 2)
    nothing = first.limit(0)
    assert [tuple(row) for row in cut.beside(nothing, nothing).collect()] == [(0, 0)]


def test_a_table_of_sundays_is_compared_at_the_last_one(rows):
    name = "features.account_features"
    stored = rows(name, *[{"as_of_date": SUNDAY + n * 7 * DAY} for n in range(3)])
    assert cut.compared_day(name, stored, SUNDAY + 9 * DAY) == SUNDAY + 7 * DAY
    assert cut.compared_day(name, stored, SUNDAY - DAY) is None
    assert cut.compared_day(INTERACTIONS, stored, LATE) == LATE


def test_a_table_without_history_cannot_be_cut(rows):
    with pytest.raises(KeepsNoHistory, match=r"silver\.products cannot be cut at 2017-03-05"):
        cut.cut("silver.products", SUNDAY, lambda name: rows(name))


def test_the_features_behind_a_family_are_all_looked_at():
    assert cut.sources(["features.sales_weekly", "silver.calendar"]) == [
        "features.sales_weekly",
        "features.department_days",
        "features.departments",
        "features.promotion_weeks",
    ]
