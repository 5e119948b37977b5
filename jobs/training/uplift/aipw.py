"""The average effect on the treated, doubly robust: right if either nuisance model is.

Augmented inverse probability weighting (Robins, Rotnitzky, Zhao 1994), cross-fitted as in
Chernozhukov et al.: Double/debiased machine learning (2018), for the treated: Mercatanti, Li:
Do debit cards increase household spending? (2014). Differs in that weights are normalised.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from jobs.training.metrics import Estimate
from jobs.training.uplift import nuisance
from jobs.training.uplift.nuisance import Folds, Learnt
from jobs.training.uplift.overlap import Overlap, inside, overlap

LEAST = 50  # accounts of an arm that must be left after trimming


@dataclass(frozen=True)
class Adjusted:
    """One outcome, freed from what was known before."""

    overlap: Overlap
    propensity: np.ndarray  # (A,) 0..1
    untreated: Learnt  # (A,) outcome expected without treatment
    kept: np.ndarray  # (A,) within the overlap
    treated: int  # accounts kept, by arm
    others: int
    effect: Estimate | None  # null: too few are left of an arm


def adjusted(
    covariates: np.ndarray, treated: np.ndarray, outcome: np.ndarray, parts: Folds
) -> Adjusted:
    """The effect of the treatment on an outcome. (A, C), (A,), (A,)"""
    chance = nuisance.propensity(covariates, treated, parts)
    untreated = nuisance.expected(covariates, outcome, ~treated, parts)
    kept = inside(chance.values)
    counts = int(treated[kept].sum()), int((~treated)[kept].sum())
    effect = None
    if min(counts) >= LEAST:
        residual = (outcome - untreated.values)[kept]
        effect = on_treated(residual, treated[kept], chance.values[kept])
    return Adjusted(
        overlap(chance, treated), chance.values, untreated, kept, *counts, effect=effect
    )


def on_treated(residual: np.ndarray, treated: np.ndarray, propensity: np.ndarray) -> Estimate:
    """Average effect on the treated, in the outcome's unit, with its 95% interval.

    residual r = outcome - outcome expected without treatment
    weight w = e / (1 - e), e = propensity
    effect = mean(r, treated) - sum(w r, others) / sum(w, others)

    The interval is normal, from the influence function
    (T (r - mean treated) / share treated) - ((1 - T) w (r - mean others) / mean((1 - T) w)).
    """
    weight = np.where(treated, 0.0, propensity / (1 - propensity))
    of_treated = residual[treated].mean()
    of_others = np.average(residual, weights=weight)
    influence = (
        treated * (residual - of_treated) / treated.mean()
        - weight * (residual - of_others) / weight.mean()
    )
    value = float(of_treated - of_others)
    half = float(norm.ppf(0.975) * influence.std(ddof=1) / np.sqrt(len(residual)))
    return Estimate(value, value - half, value + half)
