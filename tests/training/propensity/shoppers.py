"""Synthetic shoppers: some stop, some use coupons. No claim rests on them."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd

FIRST = pd.Timestamp("2016-01-04")
WEEKS = 40
ORIGIN = dt.date(2016, 9, 11)  # end of week 36


def lines(accounts: int = 160, seed: int = 0) -> pd.DataFrame:
    """A row per line: every account has its own rhythm; a third of them slow down and may stop."""
    chance = np.random.default_rng(seed)
    rows = []
    for number in range(accounts):
        gap = chance.uniform(2, 12)
        fading = number % 3 == 0
        uses_coupons = number % 2 == 0
        day = chance.uniform(0, 20)
        while day < 7 * WEEKS:
            at = FIRST + pd.Timedelta(days=int(day), hours=10, minutes=number)
            for _ in range(int(chance.integers(1, 4))):
                product = f"p{chance.integers(12):02}"
                coupon = 1.0 if uses_coupons and chance.random() < 0.4 else 0.0
                rows.append((f"a{number:03}", at, product, float(chance.uniform(1, 30)), coupon))
            if fading:
                gap *= chance.uniform(0.9, 1.5)
            day += chance.exponential(gap) + 0.5
    return pd.DataFrame(
        rows, columns=["account_id", "bought_at", "product_id", "amount_usd", "coupon_usd"]
    )


def campaigns(bought: pd.DataFrame, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Seven campaigns of four weeks; who uses coupons answers half of them, others nearly none."""
    chance = np.random.default_rng(seed)
    ids = np.sort(bought["account_id"].unique())
    told, given, used = [], [], []
    for number in range(7):
        start = FIRST + pd.Timedelta(days=56 + 28 * number)
        name = f"c{number}"
        told.append((name, start, start + pd.Timedelta(days=27), "AB"[number % 2]))
        for account in chance.choice(ids, 120, replace=False):
            given.append((account, name))
            likes = int(account[1:]) % 2 == 0
            if chance.random() < (0.5 if likes else 0.04):
                used.append((account, name, start + pd.Timedelta(days=int(chance.integers(28)))))
    coupons = [(f"k{n}{p}", f"c{n}", f"p{p:02}") for n in range(7) for p in range(n, n + 4)]
    return {
        "campaigns": pd.DataFrame(
            told, columns=["campaign_id", "starts_on", "ends_on", "campaign_type"]
        ),
        "recipients": pd.DataFrame(given, columns=["account_id", "campaign_id"]),
        "coupons": pd.DataFrame(coupons, columns=["coupon_id", "campaign_id", "product_id"]),
        "redemptions": pd.DataFrame(used, columns=["account_id", "campaign_id", "redeemed_on"]),
    }


def written(folder: Path, frames: dict[str, pd.DataFrame]) -> dict[str, Path]:
    """Each frame as a CSV of its name."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, frame in frames.items():
        found[name] = folder / f"{name}.csv"
        frame.to_csv(found[name], index=False)
    return found


def in_departments(bought: pd.DataFrame) -> pd.DataFrame:
    """Every account buys fresh goods, every other one tools too and the rest toys."""
    number = bought["account_id"].str[1:].astype(int)
    is_fresh = bought["product_id"] < "p08"
    return bought.assign(
        department=np.where(is_fresh, "fresh", np.where(number % 2, "tools", "toys"))
    )
