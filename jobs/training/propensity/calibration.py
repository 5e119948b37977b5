"""A model's log-odds as chances: two numbers, found on a later window than it was fitted on.

Platt: Probabilistic Outputs for Support Vector Machines (1999): the log-odds that are told are
slope x margin + shift. Of two numbers a few hundred cases tell enough, and the order never changes.
Differs in that the slope is drawn to 1: a window of few cases leaves it where the model had it.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import minimize

from jobs.training.propensity.classifier import chances

FEWEST = 10  # cases of either kind; fewer tell nothing
SPREAD = 0.5  # of the slope around 1, in logs, before a case is seen, where a task says no other
BINS = 10  # of calibration_error, of as many accounts each


@dataclass(frozen=True)
class Calibration:
    """Without a later window: as the model says."""

    slope: float = 1.0  # above 0
    shift: float = 0.0  # log-odds

    @classmethod
    def found(cls, margin: np.ndarray, label: np.ndarray, spread: float = SPREAD) -> Self:
        """On answers to a window whose label had ended; the identity where there is too little.

        Args:
            spread: of the slope around 1, above 0: how far one window's holds in the next.
        """
        happened = int(label.sum())
        if min(happened, len(label) - happened) < FEWEST:
            return cls()

        def lost(at: np.ndarray) -> float:
            told = np.exp(at[0]) * margin + at[1]
            nats = np.logaddexp(0, told) - label * told
            return float(nats.sum() + (at[0] / spread) ** 2 / 2)

        best = minimize(lost, np.zeros(2), method="Nelder-Mead").x
        return cls(float(np.exp(best[0])), float(best[1]))

    def chances(self, margin: np.ndarray) -> np.ndarray:
        """(N) → (N), 0..1, in the order of the margins."""
        return chances(self.slope * margin + self.shift)
