"""Account days of the lake, as they were known: what `transactions.days` tells of a file."""

import datetime as dt

import pandas as pd

from jobs.training.data import as_it_stood, read
from jobs.training.family import Dataset, NothingToJudge

TABLES = ("features.account_days", "features.interactions")
KNOWN = "account_id, business_date, known_date, superseded_date"
NUMBERS = ("orders", "sales_usd", "products", "discount_usd", "coupon_usd")
# of a table, in SQL that is the same to DataFusion and to Spark
DAYS = f"""
    select {KNOWN}, orders, cast(sales_usd as double) as sales_usd,
           cast(loyalty_discount_usd as double) as discount_usd,
           cast(coupon_discount_usd as double) as coupon_usd from {{table}}
"""  # noqa: S608
PRODUCTS = f"select {KNOWN}, cast(count(*) as double) as products from {{table}} group by {KNOWN}"  # noqa: S608


def days(as_of: dt.date | None) -> tuple[pd.DataFrame, tuple[Dataset, ...]]:
    """Columns as in transactions.COLUMNS.

    A day whose lines were not all known at once may have two rows that hold at a time, to be added
    up: products have periods of their own there.

    Args:
        as_of: what was not dated and known by then is left out; null: nothing is.

    Raises:
        NothingToJudge: there is no day.
    """
    told, of_days = read(TABLES[0], DAYS.format(table="t"))
    products, of_products = read(TABLES[1], PRODUCTS.format(table="t"))
    both = [rows.assign(account_id=rows["account_id"].astype(str)) for rows in (told, products)]
    found = both[0].merge(both[1], how="outer", on=KNOWN.split(", "))
    found = until(found.fillna(dict.fromkeys(NUMBERS, 0)), as_of)
    if found.empty:
        raise NothingToJudge(
            f"{TABLES[0]} version {of_days.version} has no day up to {as_of}; land and build sales"
            " first, or take a later date"
        )
    ids = found["account_id"].astype("category")
    return found.assign(account_id=ids), (of_days, of_products)


def until(rows: pd.DataFrame, as_of: dt.date | None) -> pd.DataFrame:
    """Rows dated up to a day, as they stood at its closing; without a day all of them."""
    if as_of is None:
        return rows
    return as_it_stood(rows[rows["business_date"] <= pd.Timestamp(as_of)], as_of)
