"""Synthetic account days of customers of planted kinds, for tests of segments."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from jobs.training.transactions import COLUMNS

SUNDAY = dt.date(2017, 10, 1)
FOREVER = pd.Timestamp("9999-12-31")


@dataclass(frozen=True)
class Kind:
    """How a customer shops: weeks before SUNDAY, a share of weeks, USD, shares of them."""

    first: int
    last: int
    often: float
    usd: float
    discount: float
    coupon: float


KINDS = {
    "high_value": Kind(50, 0, 0.95, 120, 0.05, 0),
    "loyal_bargain": Kind(50, 0, 0.9, 40, 0.3, 0.4),
    "loyal": Kind(50, 0, 0.75, 25, 0.15, 0),
    "dormant": Kind(50, 20, 0.4, 30, 0.1, 0),
    "new": Kind(3, 0, 0.7, 20, 0.1, 0),
}


def shoppers(each: int = 40, seed: int = 0, kinds: dict[str, Kind] = KINDS) -> pd.DataFrame:
    """Account days to eight weeks after SUNDAY; an account is called by its kind."""
    rng, rows = np.random.default_rng(seed), []
    for name, kind in kinds.items():
        for number in range(each):
            until = kind.last - (0 if kind.last else 8)
            for week in range(kind.first, until - 1, -1):
                if week == kind.first or rng.random() < kind.often:
                    day = pd.Timestamp(SUNDAY) - pd.Timedelta(7 * week + rng.integers(7), "D")
                    rows.append(order(f"{name} {number:02}", day, kind, rng))
    return framed(rows)


def order(account_id: str, day: pd.Timestamp, kind: Kind, rng: np.random.Generator) -> tuple:
    usd = kind.usd * rng.uniform(0.8, 1.2)
    off = usd * kind.discount * rng.uniform(0.8, 1.2)
    coupon = 1.0 if rng.random() < kind.coupon else 0.0
    return (account_id, day, day, FOREVER, 1, usd, 5.0, off, coupon)


def framed(rows: list[tuple]) -> pd.DataFrame:
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    found["account_id"] = found["account_id"].astype("category")
    return found


def lines(days: pd.DataFrame) -> pd.DataFrame:
    """The same as a file of sales lines, one per order."""
    return pd.DataFrame(
        {
            "account_id": days["account_id"].astype(str),
            "bought_at": days["business_date"],
            "amount_usd": days["sales_usd"],
            "product_id": "p",
            "discount_usd": days["discount_usd"],
            "coupon_usd": days["coupon_usd"],
        }
    )
