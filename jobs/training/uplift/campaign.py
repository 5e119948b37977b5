"""A campaign as rows that an effect is estimated from: one per account that bought before it.

The outcome is what an account spent from the campaign's first day on, the outcome before what it
spent per as many days in the time just before; covariates are of what came still earlier.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from jobs.training.data import believed, known_by
from jobs.training.transactions import between
from jobs.training.uplift.rows import ACCOUNT, OUTCOME, PRE_OUTCOME, TREATED, BadTable

WINDOWS = (28, 84, 3_650)  # days back from the last that covariates may know; the longest: all
SUMMED = ("sales_usd", "orders", "coupon_usd", "discount_usd", "products")


HORIZON_DAYS = 28  # of the outcome
# of the time just before, of which the placebo asks: longer than the outcome's, as what chance
# hides of a month the placebo does not see
BEFORE_DAYS = 56
RECEIVED = (ACCOUNT, "campaign_id", "starts_on")


@dataclass(frozen=True)
class Asked:
    campaign_id: str
    starts_on: dt.date  # first day of the outcome
    horizon_days: int = HORIZON_DAYS
    before_days: int = BEFORE_DAYS


def table(days: pd.DataFrame, recipients: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """Rows as in rows.py, in USD.

    Args:
        days: account days, as of `transactions.days`.
        recipients: account_id, campaign_id and starts_on, of this campaign and of others: those
            that an account received earlier say who is chosen.

    Raises:
        BadTable: the days end before the outcome does, or begin after the covariates; or the
            recipients lack a column.
    """
    if missing := [name for name in RECEIVED if name not in recipients]:
        raise BadTable(
            f"recipients lack {', '.join(missing)}: give a row per account and campaign, with"
            f" {', '.join(RECEIVED)}"
        )
    start = pd.Timestamp(asked.starts_on)
    ahead = pd.Timedelta(days=asked.horizon_days)
    # covariates know what came before `last`
    last, one = start - pd.Timedelta(days=asked.before_days), pd.Timedelta(days=1)
    newest = days["business_date"].max()
    if newest < start + ahead - one:
        raise BadTable(
            f"campaign {asked.campaign_id}: purchases are known up to {newest:%Y-%m-%d}, its"
            f" {asked.horizon_days} days end on {start + ahead - one:%Y-%m-%d}: take an earlier"
            " campaign, or fewer --horizon-days"
        )
    before = known_by(days, (last - one).date())
    if before.empty:
        raise BadTable(
            f"campaign {asked.campaign_id}: nobody bought before {last:%Y-%m-%d}, so that nothing"
            " is known of who was chosen: take a later campaign, or fewer --before-days"
        )
    of = believed(days)
    found = _covariates(before, last)
    found["campaigns_before"] = _counted(recipients[recipients["starts_on"] < last], found.index)
    this = recipients[recipients["campaign_id"] == asked.campaign_id]
    if this.empty:
        raise BadTable(f"campaign {asked.campaign_id}: no recipient of it is told")
    spent_before = _spent(between(of, last, start - one), found.index)
    spent = {
        TREATED: found.index.isin(set(this[ACCOUNT].astype(str))).astype(int),
        OUTCOME: _spent(between(of, start, start + ahead - one), found.index),
        PRE_OUTCOME: spent_before * asked.horizon_days / asked.before_days,
    }
    return pd.DataFrame(spent, found.index).join(found).reset_index()


def _covariates(before: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """What was known of each account before a day."""
    before = before.assign(**{ACCOUNT: before[ACCOUNT].astype(str)})
    of_days = before.groupby(ACCOUNT)["business_date"]
    found = pd.DataFrame(
        {
            "days_since_last": (last - of_days.max()).dt.days,
            "days_since_first": (last - of_days.min()).dt.days,
        }
    )
    for window in WINDOWS:
        since = before[before["business_date"] >= last - pd.Timedelta(days=window)]
        # cents: sums of fractions differ in their last digits from run to run, and trees with them
        sums = since.groupby(ACCOUNT)[list(SUMMED)].sum().round(2)
        sums["days"] = since.groupby(ACCOUNT).size()
        named = sums.add_suffix(f"_{window}")
        found = found.join(named.reindex(found.index, fill_value=0.0))
    # spend is skewed: its logarithm says who is chosen, spend itself what is spent next
    skewed = found.filter(regex="^(sales_usd|orders)_").clip(lower=0)
    return found.join(skewed.apply(np.log1p).add_prefix("log_"))


def _spent(days: pd.DataFrame, accounts: pd.Index) -> pd.Series:
    sums = days["sales_usd"].groupby(days[ACCOUNT].astype(str)).sum()
    return sums.round(2).reindex(accounts, fill_value=0.0)


def _counted(recipients: pd.DataFrame, accounts: pd.Index) -> pd.Series:
    return (
        recipients.groupby(recipients[ACCOUNT].astype(str)).size().reindex(accounts, fill_value=0)
    )
