"""The synthetic shoppers as the tables that churn and offer are learnt from."""

import pandas as pd
from deltalake import write_deltalake

from jobs import lake
from jobs.table import FOREVER
from tests.training.propensity import shoppers

ACCOUNTS = 400
DAY = ["account_id", "business_date"]


def write() -> None:
    """Every table as far as the families read it, each day known on itself."""
    for name, rows in tables().items():
        write_deltalake(lake.location(name), rows, mode="overwrite", schema_mode="overwrite")


def tables() -> dict[str, pd.DataFrame]:
    bought = shoppers.lines(ACCOUNTS)
    plans = shoppers.campaigns(bought)
    return {
        "features.account_days": _known(account_days(bought)),
        "features.interactions": _known(interactions(bought)),
        "silver.campaigns": _days(
            plans["campaigns"].rename(columns={"starts_on": "start_date", "ends_on": "end_date"})
        ),
        "silver.campaign_accounts": plans["recipients"],
        "silver.coupons": plans["coupons"].rename(columns={"coupon_id": "coupon_upc"}),
        "silver.redemptions": _days(
            plans["redemptions"].rename(columns={"redeemed_on": "redemption_date"})
        ),
    }


def account_days(bought: pd.DataFrame) -> pd.DataFrame:
    by_day = bought.assign(business_date=bought["bought_at"].dt.normalize()).groupby(DAY)
    found = by_day.agg(
        orders=("bought_at", "nunique"),
        sales_usd=("amount_usd", "sum"),
        coupon_discount_usd=("coupon_usd", "sum"),
    )
    return found.reset_index().assign(loyalty_discount_usd=0.0)


def interactions(bought: pd.DataFrame) -> pd.DataFrame:
    by_product = bought.assign(business_date=bought["bought_at"].dt.normalize()).groupby(
        [*DAY, "product_id"]
    )
    return by_product.agg(sales_usd=("amount_usd", "sum")).reset_index()


def _known(rows: pd.DataFrame) -> pd.DataFrame:
    return _days(rows.assign(known_date=rows["business_date"])).assign(superseded_date=FOREVER)


def _days(rows: pd.DataFrame) -> pd.DataFrame:
    times = rows.select_dtypes("datetime").columns
    return rows.assign(**{name: rows[name].dt.date for name in times})
