"""Anyone's file of sales lines, read as account days: one row per account and day with a line.

What families that know a customer by when and how much they buy learn from, be it a file or the
lake: account_id (category), business_date, known_date, superseded_date, orders, sales_usd,
products, discount_usd, coupon_usd. An order is a basket with a line of which the shop received
something (a trip); a day without one has 0 orders.
"""

import logging
from pathlib import Path

import pandas as pd

from jobs.sql import identifier
from jobs.training import given
from jobs.training.given import BadFile

logger = logging.getLogger(__name__)

ACCOUNT, MOMENT = "account_id", "bought_at"  # what a file must tell
# what it may tell, and what stands in where it does not
BASKET = "order_id"  # else account and moment: nobody pays twice at once
AMOUNT = "amount_usd"  # USD that the shop received of the line; else 1
PRODUCT = "product_id"  # else unknown
DISCOUNTS = {"discount_usd": "discount_usd", "coupon_usd": "coupon_usd"}  # USD, positive
# names that other public files have for the same
ALSO_CALLED = {
    ACCOUNT: ("customer_id", "household_id", "household_key"),
    MOMENT: ("transaction_timestamp", "ordered_at", "timestamp", "date"),
    BASKET: ("basket_id", "transaction_id", "invoice_id"),
    AMOUNT: ("sales_value", "sales_usd", "amount", "sales"),
    PRODUCT: ("sku", "item_id"),
    "discount_usd": ("loyalty_discount_usd", "retail_disc"),
    "coupon_usd": ("coupon_discount_usd", "coupon_disc"),
}
DIGITS = 4  # of sums, in USD
COLUMNS = (
    *("account_id", "business_date", "known_date", "superseded_date"),
    *("orders", "sales_usd", "products", "discount_usd", "coupon_usd"),
)


def days(path: Path) -> pd.DataFrame:
    """Account days of a file, sorted by account and day, each as known on its own day.

    Args:
        path: CSV or Parquet, a row per line: account_id and bought_at (the shop's own time, without
            a zone), and what else it tells of order_id, amount_usd, product_id, discount_usd and
            coupon_usd, under these names or those of ALSO_CALLED.

    Raises:
        BadFile: it cannot be read, or lacks what is needed, or has no row with it.
    """
    told = given.named(path, tuple(ALSO_CALLED), ALSO_CALLED)
    given.lacking(path, told, (ACCOUNT, MOMENT))
    kinds = {ACCOUNT: "varchar", MOMENT: "timestamp"}
    lines = given.rows(path, {told[name]: kind for name, kind in kinds.items()})
    found = lines.query("rows", _sql(told)).df()
    if found.empty:
        raise BadFile(
            f"{path} has no row with an {told[ACCOUNT]} and a readable {told[MOMENT]}: write one"
            " per line, such as a1,2017-01-02 10:00:00"
        )
    if not found["orders"].any():
        raise BadFile(
            f"{path}: no line has {told.get(AMOUNT, AMOUNT)} above 0, so nobody has ordered"
            " anything: give what the shop received, as numbers with a point"
        )
    found["account_id"] = found["account_id"].astype("category")
    known = given.dated(found, found["business_date"])
    return known[list(COLUMNS)].reset_index(drop=True)


def total(amount: str) -> str:
    """SQL: a sum that is the same however the rows were parted among threads."""
    return f"round(sum({amount}), {DIGITS})"


def _sql(told: dict[str, str]) -> str:
    def number(name: str, otherwise: str) -> str:
        if name not in told:
            return otherwise
        return f"coalesce(try_cast({identifier(told[name])} as double), 0)"

    moment = f"cast({identifier(told[MOMENT])} as timestamp)"
    basket = identifier(told[BASKET]) if BASKET in told else moment
    amount = number(AMOUNT, "1.0")
    products = f"count(distinct {identifier(told[PRODUCT])})" if PRODUCT in told else "null::double"
    discounts = (total(f"abs({number(name, '0.0')})") + f" as {name}" for name in DISCOUNTS)
    return f"""
        select cast({identifier(told[ACCOUNT])} as varchar) as account_id,
               cast({moment} as date) as business_date,
               count(distinct {basket}) filter (where {amount} > 0) as orders,
               {total(amount)} as sales_usd, cast({products} as double) as products,
               {", ".join(discounts)}
        from rows group by all order by account_id, business_date
    """  # noqa: S608


def purchases(path: Path) -> pd.DataFrame:
    """What each account bought on each day, by product; empty where a file tells no products.

    Returns:
        account_id (category), product_id, business_date, sales_usd (USD that the shop received).

    Raises:
        BadFile: see `days`.
    """
    told = given.named(path, tuple(ALSO_CALLED), ALSO_CALLED)
    given.lacking(path, told, (ACCOUNT, MOMENT))
    names = ["account_id", "product_id", "business_date", "sales_usd"]
    if PRODUCT not in told:
        return pd.DataFrame({name: pd.Series(dtype="object") for name in names})
    kinds = {ACCOUNT: "varchar", MOMENT: "timestamp", PRODUCT: "varchar"}
    lines = given.rows(path, {told[name]: kind for name, kind in kinds.items()})
    amount = f"coalesce(try_cast({identifier(told[AMOUNT])} as double), 0)"
    return (
        lines.query(
            "rows",
            f"""
        select {identifier(told[ACCOUNT])} as account_id, {identifier(told[PRODUCT])} as product_id,
               cast({identifier(told[MOMENT])} as date) as business_date,
               {total(amount if AMOUNT in told else "1.0")} as sales_usd
        from rows group by all
        """,  # noqa: S608
        )
        .df()
        .astype({"account_id": "category"})
    )


def between(days: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """Days from one to another, both included."""
    return days[days["business_date"].between(first, last)]
