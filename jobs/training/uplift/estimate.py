"""Estimates what a treatment did to the treated, or says that it is not estimable, and why.

What is asked of whom stands in rows.py, what is answered in study.py.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from jobs.training.uplift import means, nuisance
from jobs.training.uplift.aipw import LEAST as LEAST_KEPT
from jobs.training.uplift.aipw import Adjusted, adjusted
from jobs.training.uplift.nuisance import Folds
from jobs.training.uplift.overlap import INSIDE, LEAST
from jobs.training.uplift.rows import Rows, rows
from jobs.training.uplift.study import Study, told


@dataclass(frozen=True)
class Judged:
    """A study with what it rests on, for whoever looks further (customers.py)."""

    study: Study
    rows: Rows
    known: np.ndarray  # (A, C + 1) covariates and the outcome before
    parts: Folds
    of: Adjusted


def estimate(table: pd.DataFrame, subject: str = "the treatment") -> Study:
    """The average effect on the treated, and whether it may be believed.

    Args:
        table: one row per account: account_id, treated, outcome, pre_outcome, numeric covariates.

    Raises:
        BadTable: nothing can be asked of these rows.
    """
    return judged(table, subject).study


def judged(table: pd.DataFrame, subject: str = "the treatment") -> Judged:
    """The same, with all that it rests on.

    The placebo asks the same estimator of the time before, when there was no treatment. It knows
    the covariates only: what it asks for, the outcome before, is among what the effect is freed of.
    """
    given = rows(table)
    parts = nuisance.folds(given.treated)
    known = np.column_stack([given.covariates, given.pre_outcome])
    of = adjusted(known, given.treated, given.outcome, parts)
    before = adjusted(given.covariates, given.treated, given.pre_outcome, parts)
    study = Study(
        subject=subject,
        treated=int(given.treated.sum()),
        others=int((~given.treated).sum()),
        naive=means.difference(given.outcome[given.treated], given.outcome[~given.treated]),
        overlap=of.overlap,
        treated_kept=of.treated,
        others_kept=of.others,
        outcome_model=of.untreated.model,
        unproven=of.effect,
        placebo=before.effect,
        placebo_overlap=before.overlap,
        reasons=tuple(_reasons(of, before)),
    )
    return Judged(study, given, known, parts, of)


def _reasons(of: Adjusted, before: Adjusted) -> list[str]:
    """Why the effect may not be believed."""
    found = []
    if (share := of.overlap.share_inside) < LEAST:
        found.append(
            f"only {share:.1%} of the accounts have a propensity within {INSIDE[0]:g} to"
            f" {INSIDE[1]:g}, at least {LEAST:.0%} must"
        )
    for what, one in (("the treatment", of), ("the placebo", before)):
        if one.effect is None:
            found.append(
                f"{one.treated:,} treated and {one.others:,} other accounts are left to judge"
                f" {what} by, at least {LEAST_KEPT} of each must be"
            )
    placebo = before.effect
    if placebo and not placebo.low <= 0 <= placebo.high:
        found.append(
            f"the placebo shows {told(placebo)} before the treatment, where there was no effect"
        )
    return found
