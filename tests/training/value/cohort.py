"""Account days made up for tests of value models: synthetic, no customer is real."""

import datetime as dt

import numpy as np
import pandas as pd

from jobs.table import FOREVER

FIRST = dt.date(2017, 1, 2)
HORIZON = 28  # days


def days(rows: list[tuple[str, int, float]], first: dt.date = FIRST) -> pd.DataFrame:
    """Account, day after the first one, USD; an order where there is any."""
    found = pd.DataFrame(rows, columns=["account_id", "day", "sales_usd"])
    dates = pd.Timestamp(first) + pd.to_timedelta(found["day"], unit="D")
    found["account_id"] = found["account_id"].astype("category")
    return found.drop(columns="day").assign(
        business_date=dates,
        known_date=dates,
        superseded_date=pd.Timestamp(FOREVER),
        orders=(found["sales_usd"] > 0).astype(int),
        products=1.0,
        discount_usd=0.0,
        coupon_usd=0.0,
    )


def company(accounts: int = 120, weeks: int = 30, seed: int = 3) -> pd.DataFrame:
    """Each account buys on days at random at its own rate, from its own first week on."""
    chance = np.random.default_rng(seed)
    rows = []
    for n in range(accounts):
        rate, size = chance.gamma(1.5, 0.1), chance.gamma(4, 8)
        for day in range(int(chance.integers(0, 40)), weeks * 7):
            if chance.random() < rate:
                rows.append((f"a{n:03}", day, round(float(chance.gamma(3, size / 3)) + 0.01, 2)))
    return days(rows)


def after(weeks: int) -> dt.date:
    """The last day of so many weeks."""
    return FIRST + dt.timedelta(days=7 * weeks - 1)
