"""What the rules of offers look at: the list of products, who bought what when, whom to ask."""

import datetime as dt
import logging
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

logger = logging.getLogger(__name__)

RECENT_DAYS = 56  # of which a price is the mean
PAIR = ["account_id", "product_id"]


@dataclass(frozen=True)
class Facts:
    """As known on the day that is answered for."""

    listed: pd.DataFrame  # what the newest list says, by product_id
    days_since: pd.DataFrame  # account_id, product_id, days since its last order
    gap_days: pd.Series  # product → median days between two orders by an account
    price_usd: pd.Series  # product → mean USD an order of late; its type's where it was not sold
    price_of_all_usd: float
    contactable: pd.Series | None  # account → whether; null: nobody says

    @classmethod
    def of(
        cls,
        interactions: pd.DataFrame,
        accounts: pd.DataFrame,
        products: pd.DataFrame,
        as_of: dt.date,
        fewest_gaps: int,
    ) -> Self:
        """From interactions up to as_of, and products as they were listed then.

        Args:
            fewest_gaps: times between two orders from which on a median is told.
        """
        listed = products.assign(product_id=products["product_id"].astype(str))
        listed = listed.drop_duplicates("product_id", keep="last").set_index("product_id")
        bought = interactions.assign(**{c: interactions[c].astype("category") for c in PAIR})
        types = listed["product_type"] if "product_type" in listed else pd.Series(dtype=object)
        prices, of_all = _prices(bought, types, as_of)
        return cls(
            listed,
            _days_since(bought, as_of),
            _gaps(bought, types, fewest_gaps),
            prices,
            of_all,
            _contactable(accounts),
        )

    def told(self, ids: pd.Series, column: str) -> pd.Series:
        """What the list says of each product; null where it says nothing."""
        if column not in self.listed:
            return pd.Series(None, ids.index, dtype=object)
        return ids.map(self.listed[column].astype(object))


def _contactable(accounts: pd.DataFrame) -> pd.Series | None:
    """Who does not say may not be asked, as in scores.crm_outbox."""
    if "is_contactable" not in accounts:
        logger.warning("offers: accounts have no is_contactable: rule contactable is left out")
        return None
    told = accounts.drop_duplicates("account_id").set_index("account_id")["is_contactable"]
    told.index = told.index.astype(str)
    return told.astype("boolean").fillna(False).astype(bool)


def _days_since(bought: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    last = bought.groupby(PAIR, observed=True)["business_date"].max().reset_index()
    since = (pd.Timestamp(as_of) - last["business_date"]).dt.days
    return last[PAIR].astype(str).assign(days=since)


def _gaps(bought: pd.DataFrame, types: pd.Series, fewest: int) -> pd.Series:
    """Median days between two orders by an account, per product.

    Of its type where fewer than `fewest` were seen of the product; none where of both.
    """
    days = bought[[*PAIR, "business_date"]].drop_duplicates()
    days = days.sort_values([*PAIR, "business_date"])
    together = days[PAIR].eq(days[PAIR].shift()).all(axis=1)  # the row before is the same pair
    days["gap"] = days["business_date"].diff().dt.days.where(together)
    seen = days.dropna(subset=["gap"])[["product_id", "gap"]].astype({"product_id": object})

    def medians(by: pd.Series) -> pd.Series:
        told = seen["gap"].groupby(by.astype(object))
        return told.median()[told.size() >= fewest]

    products = pd.Index(days["product_id"].unique().astype(object))
    of_type = medians(seen["product_id"].map(types))
    theirs = pd.Series(products, products).map(types).map(of_type)
    return medians(seen["product_id"]).reindex(products).fillna(theirs).dropna()


def _prices(bought: pd.DataFrame, types: pd.Series, as_of: dt.date) -> tuple[pd.Series, float]:
    """Mean USD of an order, per product that is listed or was sold, and of all."""
    if "sales_usd" not in bought:
        return pd.Series(dtype=float), np.nan
    late = bought[bought["business_date"] > pd.Timestamp(as_of - dt.timedelta(days=RECENT_DAYS))]
    late = late.assign(
        usd=late["sales_usd"].astype(float), product_id=late["product_id"].astype(str)
    )
    sums = late.groupby("product_id")[["usd", "orders"]].sum()
    of_types = sums.groupby(sums.index.to_series().map(types).astype(object)).sum()
    own = sums["usd"] / sums["orders"]
    products = pd.Index(types.index.union(own.index))
    theirs = pd.Series(products, products).map(types).map(of_types["usd"] / of_types["orders"])
    of_all = sums["usd"].sum() / max(float(sums["orders"].sum()), 1.0)
    return own.reindex(products).fillna(theirs.astype(float)), float(of_all)
