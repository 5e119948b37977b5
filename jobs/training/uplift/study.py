"""What is found of an effect: numbers, and whether they may be believed, in words.

Only `Study.effect` and `Effects` (customers.py) hand an effect on, and neither does where it was
not estimable: whatever acts on effects takes them from there.
"""

from dataclasses import dataclass
from typing import Literal

from jobs.training.metrics import Estimate
from jobs.training.uplift.overlap import INSIDE, Overlap

Verdict = Literal["estimable", "not estimable"]


class NotEstimable(Exception):
    """An effect was asked for that cannot be told from who was chosen; the message says why."""


@dataclass(frozen=True)
class Study:
    """Amounts in the unit of the outcome, per account; intervals of 95%."""

    subject: str  # of what, in the words of who asks
    treated: int  # accounts by arm
    others: int
    naive: Estimate  # difference in means: of who was chosen as much as of the effect
    overlap: Overlap
    treated_kept: int  # accounts by arm after trimming: whose effect is told
    others_kept: int
    outcome_model: str  # of the outcome without treatment
    unproven: Estimate | None  # the estimator's answer, believed or not; null: too few are left
    placebo: Estimate | None  # its answer for the time before the treatment: the truth is 0
    placebo_overlap: Overlap
    reasons: tuple[str, ...]  # why it is not estimable; empty: it is

    @property
    def verdict(self) -> Verdict:
        return "not estimable" if self.reasons else "estimable"

    def effect(self) -> Estimate:
        """The average effect on the treated, where it may be believed.

        Raises:
            NotEstimable: it may not.
        """
        if self.reasons or self.unproven is None:
            raise NotEstimable(
                f"{self.subject}: the effect is not estimable: {'; '.join(self.reasons)};"
                " hold customers out by chance and measure the lift"
            )
        return self.unproven


def told(found: Estimate | None) -> str:
    """An estimate in a few characters."""
    if found is None:
        return "none: too few accounts are left"
    return f"{found.value:+.2f} ({found.low:+.2f} .. {found.high:+.2f})"


def report(of: Study) -> str:
    """The whole study as plain text."""
    seen, before = of.overlap, of.placebo_overlap
    low, high = INSIDE
    lines = [
        f"{of.subject}: {of.verdict}",
        *(f"  because {reason}" for reason in of.reasons),
        f"accounts           {of.treated:,} treated, {of.others:,} not",
        f"difference in means{told(of.naive):>30}, not an effect: who was chosen is in it",
        f"effect on treated  {told(of.unproven):>30}"
        + (", not to be used" if of.reasons else "")
        + f"; of {of.treated_kept:,} treated beside {of.others_kept:,} others",
        f"placebo before     {told(of.placebo):>30}, 0 in truth",
        f"propensity         AUC {seen.auc:.3f} ({seen.model}), {seen.share_inside:.1%} of accounts"
        f" within {low:g} to {high:g}",
        f"left out           {seen.share_trimmed:.1%} of accounts,"
        f" {seen.share_treated_trimmed:.1%} of the treated",
        f"of the placebo     AUC {before.auc:.3f} ({before.model}),"
        f" {before.share_inside:.1%} within",
        f"expected outcome   {of.outcome_model}",
    ]
    return "\n".join(lines) + "\n"
