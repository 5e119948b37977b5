"""What is known of an account on the evening of an origin, as columns.

Of purchases only: recency against the account's own rhythm, counts over windows and under decays,
their trends, the basket, discounts, and how often weeks have been empty before.
"""

import numpy as np
import pandas as pd

from jobs.training.propensity.panel import WEEKS, Panel

WINDOWS = (1, 2, 4, 8, 12, 26)  # weeks
HALF_LIVES = (1, 2, 4, 8, 16)  # weeks
SINGLE_WEEKS = 12  # of orders, week by week
EMPTY_WEEKS = 4  # in a row, that were empty before
UNKNOWN_GAP = 99.0  # days; of who ordered on one day only


def features(panel: Panel) -> pd.DataFrame:
    """One row per account of the panel, in its order; float32, no null."""
    found = {
        **_counts(panel),
        **_decays(panel),
        **_rhythm(panel),
        **_empty(panel),
        **_ratios(panel),
    }
    return pd.DataFrame(found, dtype=np.float32)


def _counts(panel: Panel) -> dict[str, np.ndarray]:
    """Sums over windows, and of all that is looked at."""
    orders, days = panel.channel("orders"), panel.channel("order_days")
    spend, had = panel.channel("sales_usd"), (panel.channel("orders") > 0).astype(np.float32)
    found = {
        "recency_days": panel.recency,
        "tenure_days": panel.tenure,
        "orders": orders.sum(axis=1),
        "order_days": days.sum(axis=1),
        "spend_usd": spend.sum(axis=1),
        "order_weeks_share": had.sum(axis=1) / np.clip(panel.tenure // 7 + 1, 1, WEEKS),
    }
    for weeks in WINDOWS:
        found[f"orders_{weeks}_weeks"] = orders[:, :weeks].sum(axis=1)
        found[f"order_days_{weeks}_weeks"] = days[:, :weeks].sum(axis=1)
        found[f"order_weeks_{weeks}_weeks"] = had[:, :weeks].sum(axis=1)
        found[f"spend_{weeks}_weeks_usd"] = spend[:, :weeks].sum(axis=1)
    for week in range(SINGLE_WEEKS):
        found[f"orders_{week}_weeks_ago"] = orders[:, week]
    for name in ("products", "discount_usd", "coupon_usd"):
        for weeks in (4, 12):
            stem, usd, unit = name.partition("_usd")
            found[f"{stem}_{weeks}_weeks{usd}{unit}"] = panel.channel(name)[:, :weeks].sum(axis=1)
    return found


def _decays(panel: Panel) -> dict[str, np.ndarray]:
    """Weekly means in which a week counts half after a half-life."""
    orders, spend = panel.channel("orders"), panel.channel("sales_usd")
    back, found = np.arange(min(WEEKS, max(panel.weeks, 1))), {}
    for weeks in HALF_LIVES:
        by = (0.5 ** (back / weeks)).astype(np.float32)
        by /= by.sum()
        found[f"orders_half_life_{weeks}"] = orders[:, : len(by)] @ by
        found[f"order_weeks_half_life_{weeks}"] = (orders[:, : len(by)] > 0).astype("f4") @ by
        found[f"spend_half_life_{weeks}_usd"] = spend[:, : len(by)] @ by
    return found


def _rhythm(panel: Panel) -> dict[str, np.ndarray]:
    """Gaps between days with an order, and how long the present one is against them."""
    same = panel.account[1:] == panel.account[:-1]
    gaps = pd.Series((panel.day[:-1] - panel.day[1:])[same])
    of = panel.account[1:][same]
    by = gaps.groupby(of)
    told = pd.DataFrame(
        {
            "gap_mean_days": by.mean(),
            "gap_median_days": by.median(),
            "gap_spread_days": by.std(),
            "gap_90_percent_days": by.quantile(0.9),
            "gap_longest_days": by.max(),
            "gap_last_days": by.last(),
            "gap_last_three_days": gaps.groupby(of).tail(3).groupby(of[_last(of, 3)]).mean(),
            "gaps_over_four_weeks": (gaps > 28).groupby(of).sum(),
        }
    )
    told = told.reindex(range(len(panel.account_ids))).fillna(UNKNOWN_GAP)
    found = {str(name): told[name].to_numpy() for name in told}
    mean, longest = (told[name].clip(lower=1) for name in ("gap_mean_days", "gap_longest_days"))
    found["recency_per_gap"] = panel.recency / mean.to_numpy()
    found["recency_per_longest_gap"] = panel.recency / longest.to_numpy()
    spread = told["gap_spread_days"].clip(lower=1)
    found["recency_in_spreads"] = ((panel.recency - told["gap_mean_days"]) / spread).to_numpy()
    return found


def _last(of: np.ndarray, count: int) -> np.ndarray:
    """Where the last `count` gaps of each account stand. (gaps) bool"""
    back: np.ndarray = pd.Series(of).groupby(of).cumcount(ascending=False).to_numpy()
    return back < count


def _empty(panel: Panel) -> dict[str, np.ndarray]:
    """How often four weeks in a row have been empty since the first order."""
    had = panel.channel("orders") > 0
    windows = max(min(WEEKS, panel.weeks) - EMPTY_WEEKS + 1, 1)
    empty = np.stack([~had[:, w : w + EMPTY_WEEKS].any(axis=1) for w in range(windows)], axis=1)
    since = 7 * np.arange(windows) + 7 * EMPTY_WEEKS <= panel.tenure[:, None] + 7  # (A, windows)
    return {
        "empty_share": (empty & since).sum(axis=1) / np.maximum(since.sum(axis=1), 1),
        "empty_share_12_weeks": empty[:, :12].mean(axis=1),
    }


def _ratios(panel: Panel) -> dict[str, np.ndarray]:
    orders, spend = panel.channel("orders"), panel.channel("sales_usd")

    def recent(values: np.ndarray, weeks: int) -> np.ndarray:
        found: np.ndarray = values[:, :weeks].sum(axis=1)
        return found

    def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
        return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)

    found = {
        f"orders_{a}_of_{b}_weeks": share(recent(orders, a), recent(orders, b))
        for a, b in ((1, 4), (4, 12), (12, 26))
    }
    found["basket_usd"] = share(spend.sum(axis=1), orders.sum(axis=1))
    found["basket_12_weeks_usd"] = share(recent(spend, 12), recent(orders, 12))
    for name in ("discount_usd", "coupon_usd"):
        whole = np.maximum(spend.sum(axis=1) + panel.channel("discount_usd").sum(axis=1), 0)
        found[name.replace("_usd", "_share")] = share(panel.channel(name).sum(axis=1), whole)
    return found
