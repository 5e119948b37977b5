import datetime as dt

from jobs.table import columns, table

FIRST = {"_batch_id": "crm/1", "_known_at": dt.datetime(2017, 1, 1, 11, tzinfo=dt.UTC)}
SECOND = {"_batch_id": "crm/2", "_known_at": dt.datetime(2017, 1, 2, 11, tzinfo=dt.UTC)}


def test_an_account_that_left_the_crm_is_gone(rows, made):
    bronze = rows(
        "bronze.accounts",
        {"account_id": "7", "age_band": "45-54", **FIRST},
        {"account_id": "8", **FIRST},
        {"account_id": "7", "age_band": "55-64", **SECOND},
    )
    found = made("silver.accounts", bronze)
    assert [(row.account_id, row.age_band) for row in found] == [("7", "55-64")]


def test_an_account_of_which_nothing_is_known_has_no_bands(rows, made):
    found = made("silver.accounts", rows("bronze.accounts", {"account_id": "7", **FIRST}))
    assert found[0].income_band is None


def test_names_and_addresses_stay_in_bronze():
    names = {column.name for column in columns(table("silver.accounts").full_schema)}
    assert not names & {"display_name", "email"}


def test_an_empty_crm_makes_no_rows(rows, made):
    assert made("silver.accounts", rows("bronze.accounts")) == []
