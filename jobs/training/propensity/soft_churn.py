"""soft_churn: an account that comes still will spend less than half of what it usually does.

Usual is what it spent a day in the twelve weeks that end with the origin (since its first order,
where that is later), for as long as the horizon. Happened: it orders in the horizon and spends less
than half of that. Who does not order at all has left, which is churn's question: here that has not
happened, so that the two chances of a customer add up. Partial defection, as Buckinx and Van den
Poel call it (European Journal of Operational Research 164, 2005), told by spend.

Who is asked, what is learnt from and most of what is known are churn's; known beside it is how
often and how far the account's spend has dropped before.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from jobs.training.data import known_by
from jobs.training.propensity.churn import Churn
from jobs.training.propensity.panel import Panel

USUAL_DAYS = 84  # whose spend is usual
DROP = 0.5  # of the usual, below which it is much less
STRETCH = 4  # weeks, over which spend is compared with what it was before
RECENT = (1, 2, 4, 8)  # weeks, held against the twelve


@dataclass
class SoftChurn(Churn):
    """Of account days (see `transactions`)."""

    name: str = "soft_churn"
    baseline: str = "spend_dropped_share"

    def features(self, known: Panel) -> pd.DataFrame:
        told = super().features(known)
        return told.assign(**_steadiness(known)).astype(np.float32)

    def label(self, ids: np.ndarray, origin: dt.date, known_on: dt.date) -> np.ndarray:
        """1 where an order came and less than half of the usual was spent, as known on a day."""
        came = self.ordered(origin, known_on)
        spent = came.groupby(came["account_id"].astype(str))["sales_usd"].sum().reindex(ids)
        # who did not come spent nothing that is known: a comparison with null is false
        return (spent < DROP * self.usual(ids, origin)).to_numpy().astype(int)

    def usual(self, ids: np.ndarray, origin: dt.date) -> pd.Series:
        """USD that each usually spends in as many days as the horizon has, as of an origin."""
        then = known_by(self.days, origin)
        then = then[then["orders"] > 0]
        by = then["account_id"].astype(str)
        age = (pd.Timestamp(origin) - then.groupby(by)["business_date"].min()).dt.days + 1
        lately = then["business_date"] > pd.Timestamp(origin) - pd.Timedelta(days=USUAL_DAYS)
        spent = then[lately].groupby(by[lately])["sales_usd"].sum().reindex(ids)
        # of a new account that spent once, the rate of one day is not usual
        days = age.reindex(ids).clip(min(self.horizon_days, USUAL_DAYS), USUAL_DAYS)
        return spent / days * self.horizon_days


def _steadiness(known: Panel) -> dict[str, np.ndarray]:
    """Spend against what was usual then, as far back as it is told."""
    spend, weeks = known.channel("sales_usd"), min(known.weeks, known.weekly.shape[1])
    usual = np.maximum(spend[:, :12].sum(axis=1), 0.01)
    sums = np.concatenate([np.zeros((len(spend), 1)), spend[:, :weeks].cumsum(axis=1)], axis=1)
    found = {f"spend_{n}_of_12_weeks": spend[:, :n].sum(axis=1) / usual for n in RECENT}
    starts = np.arange(max(weeks - STRETCH - 12 + 1, 0))  # weeks back in which a stretch ends
    then = sums[:, starts + STRETCH] - sums[:, starts]  # (A, stretches)
    before = (sums[:, starts + STRETCH + 12] - sums[:, starts + STRETCH]) * STRETCH / 12
    ratio = np.divide(then, before, out=np.ones_like(then), where=before > 0)
    seen = (before > 0) & (then > 0)
    dropped = (seen & (ratio < DROP)).sum(axis=1)
    # drawn to one in five by five stretches: of few nobody knows
    found["spend_dropped_share"] = (dropped + 1) / (seen.sum(axis=1) + 5)
    weekly = spend[:, : min(weeks, 26)]
    found["spend_unevenness"] = weekly.std(axis=1) / np.maximum(weekly.mean(axis=1), 0.01)
    found["spend_largest_week_share"] = spend[:, :12].max(axis=1) / usual
    return found
