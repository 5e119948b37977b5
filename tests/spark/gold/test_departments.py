import datetime as dt


def test_a_department_begins_with_its_first_sale(rows, made):
    found = made(
        "gold.departments",
        rows(
            "gold.daily_sales",
            {"department": "DELI", "business_date": dt.date(2017, 3, 6)},
            {"department": "DELI", "business_date": dt.date(2017, 3, 5)},
            {"department": "MEAT", "business_date": dt.date(2017, 4, 1)},
        ),
    )
    assert {(row.department, row.first_sale_date) for row in found} == {
        ("DELI", dt.date(2017, 3, 5)),
        ("MEAT", dt.date(2017, 4, 1)),
    }


def test_no_sales_make_no_departments(rows, made):
    assert made("gold.departments", rows("gold.daily_sales")) == []
