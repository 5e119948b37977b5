"""Whether champions still hold, in ops.model_health: `python -m jobs.model_health`.

Looked at after every day's scores. What is past its limit is told by jobs/watch.py, once, and
training_weekly is asked for: scores or features that have moved, chances that no longer come true.
"""

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jobs import airflow_api, command, lake
from jobs.delivery import mapping as mappings
from jobs.delivery.mapping import MappingError
from jobs.ops.model_health import TABLE
from jobs.training import metrics, outcomes

logger = logging.getLogger(__name__)

COMPARED_DAYS = 28  # a distribution is held against that of the newest day so much older
BINS = 10
# Siddiqi: Credit Risk Scorecards (2006): below .1 nothing has changed, above .25 much has
MOST_MOVED = 0.25
MOST_OFF = 0.05  # of a chance: mean told - share that happened
MOST_OFF_VALUE = 0.25  # of what is spent, by all customers together
FEWEST = 100  # customers that a measure is judged by, at least
LABELS_LATE_DAYS = 14  # beyond the horizon
MOST_OVERRIDDEN = 0.05  # of the grades in a CRM, changed there by people
FEATURES = (
    *("recency_days", "orders_4_weeks", "order_weeks_12_weeks", "days_between_orders"),
    *("winsorised_spend_12_weeks_usd", "discount_share", "coupon_share"),
)
# in the CRM; soft churn goes to none
GRADES_OF = {"churn": "churn_grade", "offer_response": "offer_grade", "value": "value_grade"}
RETRAINS = ("scores", "features", "calibration")  # measures that ask for learning again
ONE_SIDED = ("scores", "features", "labels", "overridden")  # measures with no lower limit

Row = dict[str, Any]


def psi(before: pd.Series, now: pd.Series) -> float:
    """Population stability index: sum of (now - before) x ln(now / before) over bins, 0 or more.

    Shares of customers per bin; ten are tenths of those before, and who has no value is a bin of
    its own. A bin without anybody counts as half a customer.
    """
    edges = np.unique(before.dropna().quantile(np.linspace(0, 1, BINS + 1)[1:-1]))

    def shares(values: pd.Series) -> np.ndarray:
        known = values.dropna()
        counts = np.bincount(
            np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1
        ).astype(float)
        counts = np.append(counts, len(values) - len(known))
        return np.maximum(counts, 0.5) / max(len(values), 1)

    a, b = shares(before), shares(now)
    return float(((b - a) * np.log(b / a)).sum())


def looked_at(score_name: str) -> list[Row]:
    """All measures of a score, as of its newest day; without those that nothing is known of yet.

    Answers to offers are not compared: two campaigns address other customers.
    """
    weekly = outcomes.told(score_name)
    newest, over = weekly["as_of_date"].max(), outcomes.happened(score_name, weekly)
    rows = [
        *(_moved(weekly, newest) if score_name != "offer_response" else []),
        *_drifted(newest),
        *_calibrated(score_name, over),
        *_labelled(score_name, over, newest),
        *_overridden(score_name),
    ]
    version = weekly.loc[weekly["as_of_date"] == newest, "model_version"].iloc[0]
    common = {"score_name": score_name, "as_of_date": newest.date(), "model_version": version}
    empty = dict.fromkeys(("value_low", "value_high", "limit_high", "compared_date"))
    return [empty | row | common for row in rows]


def _moved(weekly: pd.DataFrame, newest: pd.Timestamp) -> list[Row]:
    """The distribution of scores."""
    earlier = weekly.loc[
        weekly["as_of_date"] <= newest - pd.Timedelta(days=COMPARED_DAYS), "as_of_date"
    ]
    if earlier.empty:
        return []
    then = earlier.max()
    before, now = (weekly.loc[weekly["as_of_date"] == day, "score"] for day in (then, newest))
    return [_of_psi("scores", "all", before, now, then)]


def _drifted(newest: pd.Timestamp) -> list[Row]:
    """The distribution of what is known of customers, by feature."""
    if not lake.exists("features.account_features"):
        return []
    dates = lake.read(
        "features.account_features", sql="select distinct as_of_date from t"
    ).to_pandas(date_as_object=False)["as_of_date"]
    known = dates[dates <= newest]
    earlier = known[known <= newest - pd.Timedelta(days=COMPARED_DAYS)]
    if earlier.empty:
        return []
    days = (earlier.max(), known.max())
    if days[0] == days[1]:  # no day since: it would be compared with itself
        return []
    before, now = (
        lake.read(
            "features.account_features",
            sql=f"select {', '.join(FEATURES)} from t"  # noqa: S608
            f" where as_of_date = date '{day:%Y-%m-%d}'",
        )
        .to_pandas()
        .astype(float)
        for day in days
    )
    return [_of_psi("features", name, before[name], now[name], days[0]) for name in FEATURES]


def _of_psi(
    measure: str, subject: str, before: pd.Series, now: pd.Series, then: pd.Timestamp
) -> Row:
    value = psi(before, now)
    return {
        "measure": measure,
        "subject": subject,
        "value": value,
        "limit_high": MOST_MOVED,
        "is_past": value > MOST_MOVED and min(len(before), len(now)) >= FEWEST,
        "subjects": len(now),
        "compared_date": then.date(),
    }


def _calibrated(score_name: str, over: pd.DataFrame) -> list[Row]:
    """Told - happened by month and grade; of a value as a share of what was told.

    Judged is the newest month that is over: what was told before cannot be mended. Of a value its
    customers are judged together: a model of the median tells those at both ends too little or too
    much, however well it holds.
    """
    is_value = score_name == "value"
    limit = MOST_OFF_VALUE if is_value else MOST_OFF
    months = over["as_of_date"].dt.strftime("%Y-%m")
    ends = over["as_of_date"] + pd.offsets.MonthEnd(0)
    # the next day that is looked at lies in another month
    ended = ends - over["as_of_date"].max() < pd.Timedelta(days=outcomes.STEP_DAYS)
    judged = months[ended].max() if ended.any() else None
    parts = [(month, grade, part) for (month, grade), part in over.groupby([months, "grade"])]
    if is_value:
        parts += [(month, "all", part) for month, part in over.groupby(months)]
    rows = []
    for month, grade, part in parts:
        is_judged = month == judged and is_value == (grade == "all")
        # a customer counts once: its weeks say nearly the same
        each = part.groupby("account_id")[["score", "happened"]].mean()
        off = each["score"] - each["happened"]
        if is_value and each["score"].mean() > 0:
            off = off / each["score"].mean()
        found = metrics.estimate(off)
        is_past = found.low > limit or found.high < -limit
        rows.append(
            {
                "measure": "calibration",
                "subject": f"{month} {grade}",
                "value": found.value,
                "value_low": found.low,
                "value_high": found.high,
                "limit_high": limit,
                "is_past": bool(is_judged and is_past and len(each) >= FEWEST),
                "subjects": len(each),
            }
        )
    return rows


def _labelled(score_name: str, over: pd.DataFrame, newest: pd.Timestamp) -> list[Row]:
    """Days since the newest score of which it is known what happened."""
    if score_name == "offer_response" or over.empty:
        return []
    days = int((newest - over["as_of_date"].max()).days)
    limit = outcomes.horizon_days(score_name) + LABELS_LATE_DAYS
    row = {"measure": "labels", "subject": "all", "value": float(days), "limit_high": float(limit)}
    return [row | {"is_past": days > limit, "subjects": over["account_id"].nunique()}]


def _overridden(score_name: str) -> list[Row]:
    """Of the grades that a connection's newest plan looked at and that are changed by people."""
    if not lake.exists("ops.crm_plans"):
        return []
    rows = []
    for connection in mappings.names():
        try:
            fields = mappings.load(connection).fields
        except MappingError as error:  # of one connection: the others are looked at all the same
            logger.warning("%s", error)
            continue
        for name, field in fields.items():
            if GRADES_OF.get(score_name) in field.columns:
                rows += _overridden_in(connection, name)
    return rows


def _overridden_in(connection: str, field: str) -> list[Row]:
    plans = lake.read(
        "ops.crm_plans",
        sql=f"select plan_id, customers from t where connection = '{connection}'"  # noqa: S608
        " order by plan_number desc, at desc limit 1",
    ).to_pylist()
    if not plans or not plans[0]["customers"]:
        return []
    [found] = lake.read(
        "ops.crm_plan_items",
        sql=f"select count(*) as n from t where plan_id = '{plans[0]['plan_id']}'"  # noqa: S608
        f" and field = '{field}' and reason = 'edited_by_a_person'",
    ).to_pylist()
    share = found["n"] / plans[0]["customers"]
    return [
        {
            "measure": "overridden",
            "subject": f"{connection} {field}",
            "value": share,
            "limit_high": MOST_OVERRIDDEN,
            "is_past": share > MOST_OVERRIDDEN and plans[0]["customers"] >= FEWEST,
            "subjects": plans[0]["customers"],
        }
    ]


def refresh(at: dt.datetime | None = None) -> list[Row]:
    """Look at every score that holds still, and write what is so."""
    at = at or dt.datetime.now(dt.UTC)
    rows: list[Row] = []
    for score_name in holding():
        found = [row | {"looked_at": at} for row in looked_at(score_name)]
        if found:
            day = f"as_of_date = date '{found[0]['as_of_date']}'"
            lake.replace(TABLE, found, f"score_name = '{score_name}' and {day}")
        rows += found
    return rows


def holding() -> list[str]:
    """Scores that hold still on the newest day of any of them."""
    if not lake.exists("scores.account_scores"):
        return []
    names = lake.read(
        "scores.account_scores",
        sql="select score_name from t group by score_name"
        " having max(valid_until) >= (select max(as_of_date) from t) order by 1",
    )
    return [str(name) for name in names["score_name"].to_pylist()]


def newest() -> list[Row]:
    """What was found when scores were looked at last; of one that holds no more, nothing."""
    if not lake.exists(TABLE.name):
        return []
    rows: list[Row] = lake.read(
        TABLE.name,
        sql="select * from (select *, max(as_of_date) over (partition by score_name) as newest"  # noqa: S608
        f" from t) where as_of_date = newest and {lake.one_of('score_name', holding())}",
    ).to_pylist()
    return rows


def faults(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What is past its limit, by unit, in words."""
    told: dict[str, list[str]] = {}
    for row in rows:
        if row["is_past"]:
            words = f"{row['measure']} {row['subject']} {row['value']:.2f}"
            sides = "" if row["measure"] in ONE_SIDED else " either way"
            limit = f"more than {row['limit_high']:g}{sides}"
            told.setdefault(f"model of {row['score_name']}", []).append(f"{words}, {limit}")
    return {unit: "; ".join(words) for unit, words in told.items()}


def is_to_learn(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether anything is past its limit that learning again may mend."""
    return any(row["is_past"] and row["measure"] in RETRAINS for row in rows)


def ask_to_learn(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Start training_weekly where it is needed: once a week, however often it is asked for.

    Returns:
        Whether it was asked for.

    Raises:
        airflow_api.AirflowUnreachable: Airflow does not answer, or refuses.
    """
    if not is_to_learn(rows):
        return False
    newest_day: dt.date = max(row["as_of_date"] for row in rows)
    week = newest_day - dt.timedelta(days=newest_day.weekday())
    with airflow_api.client() as api:
        airflow_api.start(api, "training_weekly", f"moved-{week}")
    logger.info("training_weekly was asked for: run moved-%s", week)
    return True


def main() -> None:
    command.tell_facts()
    rows = refresh()
    for unit, words in faults(rows).items():
        logger.warning("%s: %s", unit, words)
    logger.info("%d measures, %d past their limits", len(rows), sum(r["is_past"] for r in rows))


if __name__ == "__main__":
    command.run(main)
