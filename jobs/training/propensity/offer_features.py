"""What is known of those that a campaign addresses, on the evening before it starts, as columns.

What an account buys, its habit of coupons, what it did with campaigns before, and how much of what
the coupons are for it has bought. Each is its rank among those that the campaign addresses, but for
`answers_beyond_expected`, which is drawn to 0 where little is known, so that it means the same in
every campaign. Beside them what is known of the campaign itself.
"""

import datetime as dt

import numpy as np
import pandas as pd

from jobs.training.data import known_by
from jobs.training.propensity import features as of_purchases
from jobs.training.propensity.campaigns import KIND, Campaigns
from jobs.training.propensity.panel import Panel

PRIOR = 10.0  # recipients, by which a rate of few is drawn to the rate of all
RECENT_DAYS = 84  # of coupons used, and of purchases of a campaign's products
NEVER_DAYS = 2 * 365  # since something that was never done
USUAL_DAYS = 10.0  # with an order, by which the share of days with a coupon is drawn to a tenth
EXPECTED = 1.0  # answers, by which what is beyond the expected is drawn to 0


def features(
    known: Panel,
    purchases: pd.DataFrame,
    told: Campaigns,
    found: pd.Series,
    as_of: dt.date,
) -> pd.DataFrame:
    """One row per account of the panel, in its order; float32, no null.

    Args:
        known: of those that the campaign addresses, as of the same day.
        purchases: see `transactions.purchases`, with what is known later.
        found: the campaign's row.
    """
    ids, day = known.account_ids, pd.Timestamp(as_of)
    ended = _ended_campaigns(told, as_of)
    ranked = of_purchases.features(known).assign(
        **_coupon_habit(known),
        **_answers_before(ids, told, found, as_of),
        **_match(ids, known_by(purchases, as_of), told, found, day),
    )
    return (
        among(ranked)
        .assign(
            answers_beyond_expected=_beyond_expected(ids, told, ended, as_of),
            **_of_campaign(found, len(ids), told, ended),
        )
        .astype(np.float32)
    )


def among(features: pd.DataFrame) -> pd.DataFrame:
    """Each value as its rank among those that the same campaign addresses, 0..1.

    Counts grow through a history and campaigns address other kinds of customers: an order among
    those who are asked is what one campaign teaches of another.
    """
    return (features.rank() - 0.5) / max(len(features), 1)


def _of_each(values: pd.Series, ids: np.ndarray, otherwise: float = 0.0) -> np.ndarray:
    found: np.ndarray = values.reindex(ids).fillna(otherwise).to_numpy(float)
    return found


def _count(rows: pd.DataFrame, ids: np.ndarray) -> np.ndarray:
    return _of_each(rows.groupby("account_id", observed=True).size(), ids)


def _coupon_habit(known: Panel) -> dict[str, np.ndarray]:
    """On how many of its days with an order each used a coupon, of any kind, and when last."""

    def count(days: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.bincount(known.account[days], minlength=len(known.account_ids))
        return found

    used, since = count(known.coupon), np.full(len(known.account_ids), NEVER_DAYS)
    np.minimum.at(since, known.account[known.coupon], known.day[known.coupon])
    all_days = count(np.ones(len(known.day), bool))
    return {
        "coupon_days": used,
        "coupon_days_12_weeks": count(known.coupon & (known.day < RECENT_DAYS)),
        "coupon_days_share": (used + 0.1 * USUAL_DAYS) / (all_days + USUAL_DAYS),
        "days_since_coupon": since,
    }


def _answers_before(
    ids: np.ndarray, told: Campaigns, found: pd.Series, as_of: dt.date
) -> dict[str, np.ndarray]:
    """What each did with campaigns before; those that run still count by what was used."""
    day = pd.Timestamp(as_of)
    started = told.campaigns[told.campaigns["starts_on"] <= day]
    got = told.recipients.merge(started, on="campaign_id")
    used = told.redemptions[told.redemptions["redeemed_on"] <= day]
    answers = told.answers(as_of)
    last = used.groupby("account_id")["redeemed_on"].max()
    received, answered = _count(got, ids), _count(answers, ids)
    overall = len(answers) / max(len(got), 1)
    return {
        "campaigns_received": received,
        "campaigns_answered": answered,
        "answered_share": (answered + PRIOR * overall) / (received + PRIOR),
        "campaigns_running": _count(got[got["ends_on"] > day], ids),
        "campaigns_of_type_received": _count(got[got[KIND] == found[KIND]], ids),
        "campaigns_of_type_answered": _count(answers[answers[KIND] == found[KIND]], ids),
        "coupons_redeemed": _count(used, ids),
        "days_since_redemption": _of_each((day - last).dt.days, ids, NEVER_DAYS),
    }


def _beyond_expected(
    ids: np.ndarray, told: Campaigns, ended: pd.DataFrame, as_of: dt.date
) -> np.ndarray:
    """How often each answered the campaigns that had ended, to how often those do whom they
    addressed, as a logarithm. (N) 0: as expected, or nothing is known.

    The mean of a gamma-Poisson model: Clayton, Kaldor: Empirical Bayes Estimates of
    Age-standardized Relative Risks (Biometrics 43, 1987), with a prior that is not estimated.
    """
    rates = ended.set_index("campaign_id")
    rate = rates["answered"] / rates["received"].clip(lower=1)
    got = told.recipients.drop_duplicates()
    got = got[got["campaign_id"].isin(rates.index)]
    expected = got["campaign_id"].map(rate).groupby(got["account_id"]).sum()
    answers = told.answers(as_of)
    answered = _count(answers[answers["campaign_id"].isin(rates.index)], ids)
    beyond: np.ndarray = np.log((answered + EXPECTED) / (_of_each(expected, ids) + EXPECTED))
    return beyond


def _ended_campaigns(told: Campaigns, as_of: dt.date) -> pd.DataFrame:
    """Campaigns that had ended: how many received and answered them."""
    ended = told.ended(as_of)
    by = told.recipients.drop_duplicates().groupby("campaign_id").size()
    answers = told.answers(as_of).groupby("campaign_id").size()
    received = ended["campaign_id"].map(by).fillna(0)
    answered = ended["campaign_id"].map(answers).fillna(0)
    return ended.assign(received=received, answered=answered)


def _match(
    ids: np.ndarray, rows: pd.DataFrame, told: Campaigns, found: pd.Series, day: pd.Timestamp
) -> dict[str, np.ndarray]:
    """How much of what the coupons are for an account has bought before."""
    coupons = told.coupons[told.coupons["campaign_id"] == found["campaign_id"]]
    rows = rows[rows["account_id"].isin(ids)]
    total = _of_each(rows.groupby("account_id", observed=True)["sales_usd"].sum(), ids)
    rows = rows[rows["product_id"].isin(coupons["product_id"].unique())]
    recent = rows[rows["business_date"] > day - pd.Timedelta(days=RECENT_DAYS)]
    by_coupon = (
        rows[["account_id", "product_id"]]
        .drop_duplicates()
        .merge(coupons[["coupon_id", "product_id"]].drop_duplicates(), on="product_id")
    )

    def different(part: pd.DataFrame, of: str) -> np.ndarray:
        return _of_each(part.groupby("account_id", observed=True)[of].nunique(), ids)

    spend = _of_each(rows.groupby("account_id", observed=True)["sales_usd"].sum(), ids)
    return {
        "coupon_products_bought": different(rows, "product_id"),
        "coupon_products_bought_12_weeks": different(recent, "product_id"),
        "coupons_matched": different(by_coupon, "coupon_id"),
        "coupon_products_spend_usd": spend,
        "coupon_products_spend_share": spend / np.maximum(total, 1),
    }


def _of_campaign(
    found: pd.Series, recipients: int, told: Campaigns, ended: pd.DataFrame
) -> dict[str, float]:
    """What is known of the campaign itself; how campaigns of its type were answered before."""
    coupons = told.coupons[told.coupons["campaign_id"] == found["campaign_id"]]
    of_type = ended[ended[KIND] == found[KIND]]
    overall = ended["answered"].sum() / max(ended["received"].sum(), 1)
    received = of_type["received"].sum()
    return {
        "campaign_days": float((found["ends_on"] - found["starts_on"]).days + 1),
        "campaign_recipients": float(recipients),
        "campaign_coupons": float(coupons["coupon_id"].nunique()),
        "campaign_products": float(coupons["product_id"].nunique()),
        "campaign_type_answered_share": float(
            (of_type["answered"].sum() + PRIOR * overall) / (received + PRIOR)
        ),
    }
