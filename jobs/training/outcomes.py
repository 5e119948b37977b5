"""What became of scores that were told: each beside what happened, once its window has ended.

By the definitions that models are judged by, of what is believed now.
"""

import datetime as dt

import pandas as pd

from jobs import lake
from jobs.training import account_days
from jobs.training.data import believed
from jobs.training.propensity import protocol as propensity
from jobs.training.propensity.churn import Churn
from jobs.training.value.history import spent
from jobs.training.value.protocol import HORIZON_DAYS as VALUE_DAYS

STEP_DAYS = 7  # of the days that are looked at one in so many: neighbours say the same


def horizon_days(score_name: str) -> int:
    """After so many days it is known what happened; of an offer, when its campaign has ended."""
    return VALUE_DAYS if score_name == "value" else Churn.horizon_days


def happened(score_name: str, scores: pd.DataFrame) -> pd.DataFrame:
    """Scores of which it is known what happened, with it.

    Args:
        scores: account_id, campaign_id, as_of_date (datetime), score, grade.

    Returns:
        The rows that are over, with `happened`: 0 or 1, of a value USD spent.
    """
    every = account_days.days(None)[0]
    days = believed(every)
    newest: dt.date = days["business_date"].max().date()
    if score_name == "offer_response":
        return _answered(scores, newest)
    horizon, known_on = horizon_days(score_name), days["known_date"].max().date()
    # what was usual when a soft churn was told is asked of what was known then
    of = propensity.OF_DAYS.get(score_name, Churn)(every, horizon)
    parts = [scores.head(0).assign(happened=0.0)]
    for as_of, part in scores.groupby("as_of_date"):
        origin, ids = pd.Timestamp(str(as_of)).date(), part["account_id"].to_numpy(str)
        if origin + dt.timedelta(days=horizon) > newest:
            continue
        if score_name == "value":
            parts.append(part.assign(happened=spent(days, ids, origin, horizon, known_on)))
        else:
            parts.append(part.assign(happened=of.label(ids, origin, known_on).astype(float)))
    return pd.concat(parts)


def _answered(scores: pd.DataFrame, newest: dt.date) -> pd.DataFrame:
    told = propensity.campaigns(propensity.plans()[0])
    found = scores[scores["campaign_id"].isin(told.ended(newest)["campaign_id"])]
    key = ["account_id", "campaign_id"]
    used = told.answers(newest)[key].drop_duplicates().assign(happened=1.0)
    return found.merge(used, how="left", on=key).fillna({"happened": 0.0})


def told(score_name: str) -> pd.DataFrame:
    """Scores as they were told, of the newest day of each week."""
    of = f"score_name = '{score_name}'"
    dates = lake.read(
        "scores.account_scores",
        sql=f"select distinct as_of_date from t where {of} order by 1",  # noqa: S608
    ).to_pandas(date_as_object=False)["as_of_date"]
    week = (dates - pd.Timestamp(dt.date(1970, 1, 4))).dt.days // STEP_DAYS
    newest = ", ".join(f"date '{day:%Y-%m-%d}'" for day in dates.groupby(week).max())
    columns = "account_id, campaign_id, as_of_date, score, grade, model_version"
    return lake.read(
        "scores.account_scores",
        sql=f"select {columns} from t where {of} and as_of_date in ({newest or 'null'})",  # noqa: S608
    ).to_pandas(date_as_object=False)
