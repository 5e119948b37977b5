"""How alike those who were treated and those who were not are: without that, no effect is told."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score

from jobs.training.uplift.nuisance import Learnt

# Of a propensity outside, hardly anyone of the other arm is there to be compared with: Crump, Hotz,
# Imbens, Mitnik: Dealing with limited overlap in estimation of average treatment effects (2009).
INSIDE = (0.1, 0.9)
LEAST = 0.6  # share of the accounts inside, below which nothing is claimed
BINS = 20  # of the histogram, .05 wide: INSIDE begins and ends with one


@dataclass(frozen=True)
class Overlap:
    model: str  # that knows who is treated
    auc: float  # how well it tells the treated, .5 (not at all) to 1 (always)
    share_inside: float  # accounts whose propensity lies within INSIDE / all accounts
    share_trimmed: float  # accounts that are left out for it / all accounts
    share_treated_trimmed: float  # the same of the treated
    treated: tuple[int, ...]  # accounts by propensity, in BINS from 0 to 1
    untreated: tuple[int, ...]


def inside(propensity: np.ndarray) -> np.ndarray:
    """Whether an account has its like in the other arm. (A,) → (A,)"""
    low, high = INSIDE
    found: np.ndarray = (propensity >= low) & (propensity <= high)
    return found


def overlap(of: Learnt, treated: np.ndarray) -> Overlap:
    """What the propensities say of both arms. (A,)"""
    kept = inside(of.values)

    def counted(arm: np.ndarray) -> tuple[int, ...]:
        return tuple(int(n) for n in np.histogram(of.values[arm], BINS, (0.0, 1.0))[0])

    return Overlap(
        model=of.model,
        auc=float(roc_auc_score(treated, of.values)),
        share_inside=float(kept.mean()),
        share_trimmed=float(1 - kept.mean()),
        share_treated_trimmed=float(1 - kept[treated].mean()),
        treated=counted(treated),
        untreated=counted(~treated),
    )


def picture(found: Overlap, subject: str) -> Figure:
    """Accounts of both arms by propensity, back to back; what is left out lies in grey."""
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    left, width = np.arange(BINS) / BINS, 1 / BINS
    axes.bar(left, found.treated, width, align="edge", label="treated", color="#4878a8")
    below = [-count for count in found.untreated]
    axes.bar(left, below, width, align="edge", label="not treated", color="#d0885c")
    for ends in ((0, INSIDE[0]), (INSIDE[1], 1)):
        axes.axvspan(*ends, color="#00000018")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xlim(0, 1)
    axes.set_xlabel("probability of being treated, by what was known before")
    axes.set_ylabel("accounts")
    axes.yaxis.set_major_formatter(lambda count, _: f"{abs(count):,.0f}")
    axes.set_title(
        f"{subject}: {found.share_inside:.0%} within {INSIDE[0]:g} to {INSIDE[1]:g},"
        f" AUC {found.auc:.2f}"
    )
    axes.legend()
    return figure
