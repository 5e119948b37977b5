"""What settings of churn, soft churn and offers rest on: `python -m infra.bench.propensity_choice`.

On The Complete Journey, on windows that had ended before week 44 and campaign 18, by which the
bench judges: those are not looked at.

First answers to campaigns: the regression at the two campaigns before that 30 accounts or more
answered, learnt from what had ended and asked on the evening before each starts, with and without
each kind of features, at several ridges; means are weighted by how many answered. Then how good the
regression's chances are by ridge, and how far the slope of chances is drawn to 1: mean log loss on
the two validation windows.
"""

import datetime as dt
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import typer
from sklearn.metrics import average_precision_score, roc_auc_score

from infra.bench import sales
from infra.bench.propensity import EVE
from jobs import command
from jobs.training.family import Configuration
from jobs.training.propensity import accuracy, models
from jobs.training.propensity.asking import Asking, valid_windows
from jobs.training.propensity.classifier import Examples, Rows
from jobs.training.propensity.logistic import Logistic
from jobs.training.propensity.task import Task
from jobs.training.propensity.wanted import Wanted, task

STRICTNESS = (100.0, 300.0, 1000.0)
HABIT = ("coupon_days", "coupon_days_12_weeks", "coupon_days_share", "days_since_coupon")
WITHOUT = {
    "all": (),
    "without coupon days": HABIT,
    "without answers beyond expected": ("answers_beyond_expected",),
    "without both": (*HABIT, "answers_beyond_expected"),
}
SPREADS = (0.5, 0.15, 0.05)
MODELS = ("logistic", "gbm", "forest")


def without(rows: Rows, columns: Sequence[str]) -> Rows:
    return replace(rows, features=rows.features.drop(columns=list(columns)))


def judged(
    learnt: Sequence[Examples], asked: Sequence[tuple[Rows, np.ndarray]], strictness: float
) -> dict[str, float]:
    """AUC and PR-AUC of each campaign, and their means."""
    found: dict[str, float] = {}
    answered = [label.sum() for _, label in asked]
    by = Logistic.Params(strictness=strictness)
    margins = [
        Logistic(by).fit(examples).margin(rows)
        for examples, (rows, _) in zip(learnt, asked, strict=True)
    ]
    for name, metric in (("AUC", roc_auc_score), ("PR-AUC", average_precision_score)):
        values = [metric(label, told) for (_, label), told in zip(asked, margins, strict=True)]
        found |= {f"{name} {n}": value for n, value in enumerate(values, 1)}
        found[f"{name}, mean"] = np.average(values, weights=answered)
    return found


def of_features(of: Task) -> pd.DataFrame:
    """A row per choice of features and ridge."""
    origins = valid_windows(of, EVE[0])
    asked = [of.asked(origin) for origin in origins]
    learnt = [of.examples(origin) for origin in origins]
    for n, (origin, one) in enumerate(zip(origins, asked, strict=True), 1):
        typer.echo(f"{n}: asked on {origin}, {len(one.ids)} addressed, {one.label.sum()} answered")
    told = {}
    for features, dropped in WITHOUT.items():
        known = [replace(one, rows=without(one.rows, dropped)) for one in learnt]
        rows = [(without(one.rows, dropped), one.label) for one in asked]
        for strictness in STRICTNESS:
            told[features, strictness] = judged(known, rows, strictness)
    return pd.DataFrame(told).T.rename_axis(["features", "ridge"])


def loss(asking: Asking, origin: dt.date, spread: float) -> float:
    """Log loss of chances put right by the window before, where one could be asked about."""
    told = asking.margin(origin)
    assert told.asked.label is not None
    chances = asking.calibration(origin, spread).chances(told.margin)
    return float(accuracy.log_loss(chances, told.asked.label).mean())


def of_ridges(of: Task) -> pd.Series:
    """Mean log loss by ridge: of chances, not of their order alone."""
    windows, found = valid_windows(of, EVE[0]), {}
    for strictness in STRICTNESS:
        asking = Asking(of, Configuration(Logistic.name, Logistic.Params(strictness=strictness)))
        found[strictness] = np.mean([loss(asking, at, of.spread) for at in windows])
    return pd.Series(found, name="log loss").rename_axis("ridge")


def of_slopes(tasks: Sequence[Task]) -> pd.DataFrame:
    """A row per task and model, a column per spread."""
    found = {}
    for of in tasks:
        windows = valid_windows(of, EVE[0])
        for one in models.configurations(of.baseline, of.without):
            if one.model in MODELS:
                asking = Asking(of, one)
                losses = [[loss(asking, at, spread) for at in windows] for spread in SPREADS]
                found[of.name, one.model] = dict(zip(SPREADS, np.mean(losses, axis=1), strict=True))
    return pd.DataFrame(found).T.rename_axis(["task", "model"]).rename_axis(columns="spread")


def main() -> None:
    """Three tables."""
    command.tell_facts()
    with tempfile.TemporaryDirectory() as folder:
        given = sales.write(Path(folder))
        lines, out = given.pop("transactions"), Path(folder, "out")
        offer = task(Wanted(lines, "offer", EVE, out, **given))
        others = [task(Wanted(lines, name, EVE, out)) for name in ("churn", "soft_churn")]
        typer.echo(of_features(offer).to_string(float_format="{:.4f}".format))
        typer.echo(of_ridges(offer).to_string(float_format="{:.4f}".format))
        typer.echo(of_slopes([*others, offer]).to_string(float_format="{:.5f}".format))


if __name__ == "__main__":
    command.run(main)
