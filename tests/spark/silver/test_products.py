import datetime as dt

FIRST = {"_batch_id": "erp/1", "_known_at": dt.datetime(2017, 1, 1, 11, tzinfo=dt.UTC)}
SECOND = {"_batch_id": "erp/2", "_known_at": dt.datetime(2017, 2, 1, 11, tzinfo=dt.UTC)}


def test_the_newest_snapshot_wins_and_what_it_left_out_is_gone(rows, made):
    bronze = rows(
        "bronze.products",
        {"product_id": "milk", "brand": "National", **FIRST},
        {"product_id": "bread", **FIRST},
        {"product_id": "milk", "brand": "Private", **SECOND},
    )
    found = made("silver.products", bronze)
    assert [(row.product_id, row.brand) for row in found] == [("milk", "Private")]


def test_levels_that_the_erp_left_empty_stay_empty(rows, made):
    bronze = rows("bronze.products", {"product_id": "milk", "product_type": None, **FIRST})
    assert made("silver.products", bronze)[0].product_type is None


def test_a_size_that_can_be_read_has_an_amount_and_one_that_cannot_has_none(rows, made):
    sizes = {"milk": "1/2 GAL", "rug": "9 X10 IN", "bread": None}
    listed = [{"product_id": p, "package_size": size, **FIRST} for p, size in sizes.items()]
    found = made("silver.products", rows("bronze.products", *listed))
    assert {row.product_id: (row.package_amount, row.package_unit) for row in found} == {
        "milk": (64.0, "oz"),
        "rug": (None, None),
        "bread": (None, None),
    }


def test_a_product_listed_twice_is_there_once(rows, made):
    copies = [{"product_id": "milk", "_row_number": number, **FIRST} for number in (1, 2)]
    found = made("silver.products", rows("bronze.products", *copies))
    assert [(row.product_id, row._duplicates) for row in found] == [("milk", 1)]


def test_no_list_makes_no_rows(rows, made):
    assert made("silver.products", rows("bronze.products")) == []
