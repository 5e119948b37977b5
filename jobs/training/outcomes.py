"""What became of scores that were told: each beside what happened, once its window has ended."""

import datetime as dt

import pandas as pd

from jobs import lake
from jobs.table import FOREVER

CHURN_DAYS, VALUE_DAYS = 28, 56  # that a score foretells
STEP_DAYS = 7  # of the days that are looked at one in so many: neighbours say the same
STILL = f"superseded_date = date '{FOREVER}'"


def horizon_days(score_name: str) -> int:
    """After so many days it is known what happened; of an offer, when its campaign has ended."""
    return VALUE_DAYS if score_name == "value" else CHURN_DAYS


def happened(score_name: str, scores: pd.DataFrame) -> pd.DataFrame:
    """Scores of which it is known what happened, with it.

    Args:
        scores: account_id, campaign_id, as_of_date (datetime), score, grade.

    Returns:
        The rows that are over, with `happened`: 0 or 1, of a value USD spent.
    """
    if score_name == "offer_response":
        return _answered(scores)
    days = _days()
    horizon = pd.Timedelta(days=horizon_days(score_name))
    over = scores[scores["as_of_date"] + horizon <= days["business_date"].max()]
    after = over[["account_id", "as_of_date"]].merge(days, on="account_id")
    since = after["business_date"] - after["as_of_date"]
    after = after[(since > pd.Timedelta(0)) & (since <= horizon)]
    key = ["account_id", "as_of_date"]
    sums = after.groupby(key, as_index=False)[["orders", "sales_usd"]].sum()
    found = over.merge(sums, how="left", on=key).fillna({"orders": 0, "sales_usd": 0.0})
    came = found["orders"] > 0
    told = found["sales_usd"] if score_name == "value" else (~came).astype(float)
    return found.drop(columns=["orders", "sales_usd"]).assign(happened=told)


def _days() -> pd.DataFrame:
    """Account days as they are believed now."""
    return lake.read(
        "features.account_days",
        sql="select account_id, business_date, cast(orders as double) as orders,"  # noqa: S608
        f" cast(sales_usd as double) as sales_usd from t where {STILL}",
    ).to_pandas(date_as_object=False)


def _answered(scores: pd.DataFrame) -> pd.DataFrame:
    ended = lake.read("silver.campaigns", sql="select campaign_id, end_date from t")
    used = lake.read(
        "silver.redemptions", sql="select account_id, campaign_id, redemption_date from t"
    ).to_pandas(date_as_object=False)
    newest = _days()["business_date"].max()
    found = scores.merge(ended.to_pandas(date_as_object=False), on="campaign_id")
    found = found[found["end_date"] <= newest]
    key = ["account_id", "campaign_id"]
    used = used.merge(found[[*key, "end_date"]].drop_duplicates(), on=key)
    used = used[used["redemption_date"] <= used["end_date"]][key].drop_duplicates()
    found = found.merge(used.assign(happened=1.0), how="left", on=key).fillna({"happened": 0.0})
    return found.drop(columns="end_date")


def told(score_name: str) -> pd.DataFrame:
    """Scores as they were told, of the newest day of each week."""
    found = lake.read(
        "scores.account_scores",
        sql="select account_id, campaign_id, as_of_date, score, grade, model_version from t"  # noqa: S608
        f" where score_name = '{score_name}'",
    ).to_pandas(date_as_object=False)
    week = (found["as_of_date"] - pd.Timestamp(dt.date(1970, 1, 4))).dt.days // STEP_DAYS
    newest = found.groupby(week)["as_of_date"].transform("max")
    return found[found["as_of_date"] == newest]
