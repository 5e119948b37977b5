"""A small company whose customers have favourites, as the tables that recommenders read."""

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from deltalake import write_deltalake

from jobs import lake
from jobs.table import FOREVER, table
from jobs.training.family import Data
from jobs.training.given import ALWAYS, dated


def interactions(seed: int = 0) -> pd.DataFrame:
    """Thirty accounts with a favourite each, who buy it every week among other things."""
    chance = np.random.default_rng(seed)
    rows = [
        (f"account {n:02}", f"product {product:02}", dt.date(2017, 7, 9) + dt.timedelta(weeks=week))
        for week in range(21)
        for n in range(30)
        for product in (n % 6, *chance.integers(0, 6, 1))
    ]
    frame = pd.DataFrame(rows, columns=["account_id", "product_id", "business_date"])
    frame = frame.drop_duplicates().assign(orders=1, units=1, sales_usd=1.0)
    return frame.assign(
        known_date=frame["business_date"],
        superseded_date=FOREVER,
        product_type="x",
        department="GROCERY",
    )


def without_lake() -> Data:
    """The company as benches have it that read no lake; every row known on its own day."""
    bought = interactions().drop(columns=["known_date", "superseded_date"])
    bought["business_date"] = pd.to_datetime(bought["business_date"])
    products = bought[["product_id", "product_type"]].drop_duplicates()
    frames = {
        "interactions": dated(bought, bought["business_date"]),
        "accounts": bought[["account_id"]].drop_duplicates(),
        "products": dated(products, ALWAYS),
    }
    return Data(frames, (), bought["business_date"].max().date())


def listed(
    product_id: str, known: dt.date = dt.date(2017, 1, 1), **told: object
) -> dict[str, object]:
    """A row of silver.product_history: what a list says of a product, without end."""
    names = ("manufacturer_id", "department", "brand", "product_category", "product_type")
    return {
        "product_id": product_id,
        "valid_to": None,
        "known_date": known,
        "superseded_date": FOREVER,
        "is_in_first_list": True,
        **dict.fromkeys((*names, "package_size"), "x"),
        **told,
    }


def described(
    account_id: str, known: dt.date = dt.date(2017, 1, 1), **told: object
) -> dict[str, object]:
    """A row of silver.account_history: what the CRM says of a customer, without end."""
    return {
        "account_id": account_id,
        "known_date": known,
        "superseded_date": FOREVER,
        "is_contactable": True,
        **told,
    }


def write_products(*rows: dict[str, object]) -> None:
    _write_history("silver.product_history", rows)


def write_accounts(*rows: dict[str, object]) -> None:
    _write_history("silver.account_history", rows)


def _write_history(name: str, rows: Sequence[dict[str, object]]) -> None:
    schema = lake.arrow_schema(table(name).full_schema)
    told = [{"valid_from": row["known_date"], **row} for row in rows]
    found = pa.Table.from_pylist(told, schema=schema)
    write_deltalake(lake.location(name), found, mode="overwrite")
