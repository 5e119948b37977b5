import datetime as dt

import pytest

MONDAY = dt.date(2017, 3, 6)
NEXT = MONDAY + dt.timedelta(days=7)
DELI = {"department": "DELI", "first_sale_date": MONDAY}


def week(monday, **told):
    return [
        {
            "calendar_date": monday + dt.timedelta(days=n),
            "week_start_date": monday,
            "is_holiday": False,
            **told,
        }
        for n in range(7)
    ]


def sale(date, usd, department="DELI"):
    return {"business_date": date, "department": department, "sales_usd": usd}


def product(monday, product_id="ham", **told):
    return {"product_id": product_id, "week_start_date": monday, "department": "DELI", **told}


@pytest.fixture
def series(rows, made):
    def build(sales=(), departments=(), products=(), calendar=()):
        found = made(
            "features.sales_weekly",
            rows("gold.daily_sales", *sales),
            rows("gold.departments", *departments),
            rows("gold.product_weeks", *products),
            rows("silver.calendar", *calendar),
        )
        return {(row.series_id, row.week_start_date): row for row in found}

    return build


def test_days_and_stores_add_up_to_the_week(series):
    found = series(
        [sale(MONDAY, 1), sale(MONDAY, 2), sale(MONDAY + dt.timedelta(days=6), 4), sale(NEXT, 8)],
        [DELI],
        calendar=[*week(MONDAY), *week(NEXT)],
    )
    assert found["DELI", MONDAY].sales_usd == 7.0
    assert found["DELI", NEXT].sales_usd == 8.0


def test_a_week_without_sales_of_a_department_is_a_zero(series):
    found = series([sale(MONDAY, 1)], [DELI], calendar=[*week(MONDAY), *week(NEXT)])
    assert found["DELI", NEXT].sales_usd == 0.0


def test_a_series_begins_in_the_week_of_its_first_sale(series):
    late = {"department": "FLORAL", "first_sale_date": NEXT + dt.timedelta(days=6)}
    found = series([], [late], calendar=[*week(MONDAY), *week(NEXT)])
    assert set(found) == {("FLORAL", NEXT)}


def test_weeks_ahead_of_the_sales_do_not_exist(series):
    ahead = week(NEXT, has_sales=False, is_complete_week=False)
    found = series([], [DELI], calendar=[*week(MONDAY), *ahead])
    assert set(found) == {("DELI", MONDAY)}


def test_the_running_week_is_not_complete_and_holidays_are_counted(series):
    days = week(MONDAY, is_complete_week=False)
    days[1]["is_holiday"] = True
    row = series([], [DELI], calendar=days)["DELI", MONDAY]
    assert (row.is_complete, row.holiday_days) == (False, 1)


def test_promotion_share_is_over_the_products_of_the_week_before(series):
    found = series(
        departments=[DELI],
        products=[
            product(MONDAY, "ham", lines=3),
            product(MONDAY, "tofu", lines=1),
            product(MONDAY, "rice", lines=0, department=None),  # promoted, not sold
            product(NEXT, "ham", lines=9, promoted_store_share=0.5),
            product(NEXT, "rice", lines=0, department=None, promoted_store_share=1.0),
        ],
        calendar=[*week(MONDAY), *week(NEXT)],
    )
    assert found["DELI", NEXT].promotion_share == 0.25  # (0.5 + 0) / 2
    assert found["DELI", MONDAY].promotion_share == 0.0


def test_what_is_sold_in_a_week_does_not_change_its_promotion_share(series):
    before = [product(MONDAY, "ham", lines=3), product(NEXT, "ham", promoted_store_share=0.5)]
    sold = [*before, product(NEXT, "eel", lines=5, promoted_store_share=1.0)]
    shares = [
        series(departments=[DELI], products=p, calendar=week(NEXT))["DELI", NEXT].promotion_share
        for p in (before, sold)
    ]
    assert shares == [0.5, 0.5]


def test_nothing_makes_nothing(series):
    assert series() == {}
