"""What does a configuration know when there is nothing to know? Its labels are shuffled.

Up to a cut, that is: what followed it stays as it was, and is what the answers are judged by.
"""

import datetime as dt
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jobs.training import metrics
from jobs.training.data import known
from jobs.training.family import Configuration, Data, Family, Foretelling, Ignorant
from jobs.training.gate import Check, Leakage, verdict
from jobs.training.propensity.accuracy import log_loss, logistic
from jobs.training.propensity.classifier import log_odds
from jobs.training.recommenders.protocol import Recommenders
from jobs.training.rules import Rules

SEED = 0

Frames = Mapping[str, pd.DataFrame]


def steps_permuted(series: pd.DataFrame, until: dt.date) -> pd.DataFrame:
    """Series whose past values, as known at a cut, stand in another order; the rest stays."""
    chance = np.random.default_rng(SEED)
    is_past = series["ds"] <= pd.Timestamp(until)
    past = known(series[is_past], until).sort_values(["series_id", "ds"])
    mixed = past.groupby("series_id", observed=True)["y"].transform(
        lambda values: chance.permutation(values.to_numpy())
    )
    return pd.concat([past.assign(y=mixed), series[~is_past]], ignore_index=True)


def labels_permuted(labels: pd.DataFrame, until: dt.date) -> pd.DataFrame:
    """Labels that were known by the cut, dealt anew among the accounts of their as_of_date."""
    chance = np.random.default_rng(SEED)
    is_past = labels["known_date"] <= pd.Timestamp(until)
    mixed = (
        labels[is_past]
        .groupby("as_of_date")["label"]
        .transform(lambda values: chance.permutation(values.to_numpy()))
    )
    return labels.assign(label=mixed.reindex(labels.index).fillna(labels["label"]))


def owners_permuted(frames: Frames, days: Mapping[str, str], until: dt.date) -> Frames:
    """Frames of what accounts did, in which each has the past of another one; what follows stays.

    Args:
        days: of each frame the column that dates its rows.
    """
    ids = np.unique(np.concatenate([frames[n]["account_id"].astype(str).unique() for n in days]))
    others = dict(zip(ids, np.random.default_rng(SEED).permutation(ids), strict=True))
    found = {}
    for frame, day in days.items():
        rows = frames[frame]
        names, is_past = rows["account_id"].astype(str), rows[day] <= pd.Timestamp(until)
        moved = names.where(~is_past, names.map(others))
        is_category = rows["account_id"].dtype == "category"
        found[frame] = rows.assign(account_id=moved.astype("category") if is_category else moved)
    return found


def accounts_permuted(interactions: pd.DataFrame, until: dt.date) -> pd.DataFrame:
    """Interactions in which each account has the past of another one; what follows stays.

    Baskets, products and dates are as they were, so that everything can be learnt from them except
    whose they are.
    """
    told = owners_permuted({"interactions": interactions}, {"interactions": "business_date"}, until)
    order = ["business_date", "account_id", "product_id", "known_date"]
    moved = told["interactions"].astype({"account_id": "category"})
    return moved.sort_values(order, ignore_index=True)


def days_permuted(frames: Frames, until: dt.date) -> Frames:
    """Account days, each account's up to the cut another one's."""
    return owners_permuted(frames, {"days": "business_date"}, until)


def answers_permuted(frames: Frames, until: dt.date) -> Frames:
    """Whom campaigns addressed by the cut, and who answered: each account's are another one's.

    Its purchases stay its own: what they say of its answers is gone.
    """
    starts = frames["campaigns"].set_index("campaign_id")["starts_on"]
    recipients = frames["campaign_accounts"]
    dated = recipients.assign(starts_on=recipients["campaign_id"].map(starts))
    by = {"campaign_accounts": "starts_on", "redemptions": "redeemed_on"}
    found = owners_permuted({**frames, "campaign_accounts": dated}, by, until)
    return {**found, "campaign_accounts": found["campaign_accounts"].drop(columns="starts_on")}


# which frame of a family's data says whose labels they are, and how they are shuffled
SHUFFLES: Mapping[str, Callable[[Frames, dt.date], Frames]] = {
    "interactions": lambda f, until: {"interactions": accounts_permuted(f["interactions"], until)},
    "series": lambda f, until: {"series": steps_permuted(f["series"], until)},
    "labels": lambda f, until: {"labels": labels_permuted(f["labels"], until)},
    "redemptions": answers_permuted,
    "days": days_permuted,
}


def shuffled_labels(
    values: pd.Series, chance: pd.Series, gain: float, by: Rules, most: float, of_chance: str
) -> Check:
    """What a configuration knows when there is nothing to know.

    left = gain over chance with shuffled labels / gain over the naive with the true ones; refused
    where that is more than `most` and the gain over chance is beyond noise (95%, paired).

    Args:
        values, chance: the deciding metric per subject, with shuffled labels.
        gain: the configuration's difference to the naive one on the true labels.
    """
    sign = 1 if by.better == "higher" else -1
    found = metrics.difference(sign * values, sign * chance)
    left = found.value / (sign * gain) if sign * gain > 0 else 0.0
    refused = found.low > 0 and (left > most or sign * gain <= 0)
    told = f"{found.value:+.4f} ({found.low:+.4f} .. {found.high:+.4f}) over {of_chance}"
    return Check(
        "shuffled_labels",
        verdict(not refused),
        f"with shuffled labels it gains {by.metric} {told}: {left:.0%} of its true gain, at most"
        f" {most:.0%}",
        value=left,
        limit_high=most,
        subjects=int(values.notna().sum()),
    )


def shuffled(
    of: Family,
    configuration: Configuration,
    whole: Data,
    until: dt.date,
    answers: pd.DataFrame,
    gain: float,
    by: Rules,
    limits: Leakage,
) -> Check:
    name = next((frame for frame in SHUFFLES if frame in whole.frames), "")
    if not name:
        return Check("shuffled_labels", "does not apply", f"{of.name} learn from no label")
    if configuration == of.baseline or (name == "interactions" and _alike(answers)):
        reason = "all accounts are answered alike, or it is the baseline: nothing was learnt of any"
        return Check("shuffled_labels", "does not apply", reason)
    frames = {**whole.frames, **SHUFFLES[name](whole.frames, until)}
    if isinstance(of, Foretelling):
        told = of.outcomes(replace(whole, frames=frames), configuration, until)
        told = told.assign(happened=told["account_id"].map(of.happened(whole, until)))
        values, chance = put_right(told.dropna())
        what = "one chance for everybody"
        return shuffled_labels(values, chance, gain, by, limits.shuffled_gain, what)
    with tempfile.TemporaryDirectory() as folder:
        # what was learnt from shuffled pasts is kept for nobody
        aside = Recommenders(of.terms, Path(folder)) if isinstance(of, Recommenders) else of
        window = aside.windows(replace(whole, frames=frames), until)["test"]
        if name == "series":
            window = replace(window, origins=window.origins[:1])  # later ones have true steps again

        def judged(one: Configuration) -> pd.Series:
            [found] = [j for j in aside.judge(window, one) if j.task == by.task]
            return found.per_subject[by.metric]

        if name == "series":
            chance, what = mean_of_history(window, of), "the mean of the history"
        elif isinstance(of, Ignorant):
            chance, what = of.by_chance(window), "one answer for everybody"
        else:
            chance, what = judged(of.baseline), f"baseline {of.baseline.id}"
        values = judged(configuration)
    return shuffled_labels(values, chance, gain, by, limits.shuffled_gain, what)


def put_right(told: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Log loss per customer of chances, and of one chance for everybody, in nats.

    Before that two numbers put the chances right by what happened. Who answers by another one's
    past is far too sure, which hides what there is to know; what is left is what the order knows.

    Args:
        told: as `Foretelling.outcomes` gives it.
    """
    happened, margin = told["happened"].to_numpy(int), log_odds(told["chance"].to_numpy())
    everybody = np.full(len(told), happened.mean())
    known = everybody
    if 0 < happened.mean() < 1:
        known = logistic(margin, happened).predict_proba(margin[:, None])[:, 1]
    ids = told["account_id"].to_numpy()
    return pd.Series(log_loss(known, happened), ids), pd.Series(log_loss(everybody, happened), ids)


def _alike(lists: pd.DataFrame) -> bool:
    """Whether every account has the same list."""
    return bool((lists.groupby("rank")["product_id"].nunique() == 1).all())


def mean_of_history(window: Any, of: Any) -> pd.Series:
    """MASE per series of the mean of what was known at the window's first origin.

    mean |y - mean(history)| / mean |y_t - y_(t - season)|, over the horizon and the history.
    """
    origin, grain = window.origins[0], of.grain
    series = window.series
    ended = series["ds"] + pd.Timedelta(days=grain.days - 1) <= pd.Timestamp(origin)
    past = known(series[ended], origin).sort_values("ds").groupby("series_id")["y"]
    scale = past.agg(lambda y: y.diff(grain.season).abs().mean())
    last = series.loc[ended, "ds"].max() + pd.Timedelta(days=grain.days * grain.horizon)
    ahead = series[~ended & (series["ds"] <= last)]
    ahead = ahead[ahead["superseded_date"] == ahead["superseded_date"].max()]
    ids = ahead["series_id"]
    error = (ahead["y"] - ids.map(past.mean())).abs() / ids.map(scale)
    return error.groupby(ids).mean()
