import datetime as dt


def sold(store_id, day, **told):
    return {"store_id": store_id, "business_date": dt.date(2017, 1, day), **told}


def test_a_shop_begins_with_its_first_line_and_sells_petrol_if_it_ever_did(rows, made):
    lines = rows(
        "silver.order_lines",
        sold("north", 5, product_type="GASOLINE-REG UNLEADED"),
        sold("north", 3, product_type=None),  # an unknown product
        sold("south", 4, product_type="FLUID MILK"),
    )
    found = sorted(made("silver.stores", lines))
    assert [(row.store_id, row.first_sale_date.day, row.sells_fuel) for row in found] == [
        ("north", 3, True),
        ("south", 4, False),
    ]


def test_no_lines_make_no_shops(rows, made):
    assert made("silver.stores", rows("silver.order_lines")) == []
