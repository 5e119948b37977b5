"""RFM: how recently, how often and for how much each account bought, in fifths from 1 to 5 (best).

Of the year up to a date: an account whose orders are all older has none, and its recency still.
A fifth is 1 + the whole part of 5 * (accounts that are worse) / (all accounts): accounts with the
same number are always in the same fifth, whatever the order of the rows, so that fifths need not be
equally large.
"""

import datetime as dt

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from jobs.training.value.history import History

DAYS = 365  # up to the date, that count for frequency and monetary value
FIFTHS = 5


def fifths(values: np.ndarray) -> np.ndarray:
    """1 to 5, the more the higher. (A,)"""
    worse = rankdata(values, method="min") - 1
    found: np.ndarray = (1 + FIFTHS * worse // len(values)).astype(np.int32)
    return found


def rfm(days: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    """One row per account with an order as known at the closing of a day.

    Returns:
        account_id, recency_days (since the last order), orders and sales_usd (of the year),
        recency, frequency, monetary (1 to 5, 5 is best), rfm (the three as text, such as 545).

    Raises:
        NothingToJudge: no account has an order by then.
    """
    seen = History.of(days, as_of)
    _, recency_days = seen.days_since(seen.orders > 0)
    of_year = np.where(seen.age < DAYS, 1.0, 0.0)
    orders, sales = (seen.per_account(of_year * one) for one in (seen.orders, seen.sales))
    r, f, m = (fifths(one) for one in (-recency_days, orders, sales.round(2)))
    found = pd.DataFrame(
        {
            "account_id": seen.account_ids,
            "recency_days": recency_days,
            "orders": orders.astype(np.int64),
            "sales_usd": sales,
            "recency": r,
            "frequency": f,
            "monetary": m,
        }
    )
    return found.assign(rfm=[f"{one}{two}{three}" for one, two, three in zip(r, f, m, strict=True)])
