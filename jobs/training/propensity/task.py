"""What is asked of customers or opportunities at an origin: of whom, what is known, what came."""

import datetime as dt
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from jobs.training.family import NothingToJudge
from jobs.training.propensity.classifier import Examples, Rows


class NothingToAsk(NothingToJudge):
    """At an origin there is nobody to ask, or nothing to learn from; says why and what to do."""


@dataclass(frozen=True)
class Asked:
    """The accounts, or opportunities, that are asked at an origin, as known on its evening."""

    ids: np.ndarray  # (N) text, sorted
    rows: Rows  # (N)
    label: np.ndarray | None  # (N) 1 where it happened, as is believed now; null: not known yet
    about: np.ndarray | None = None  # (N) campaign or department asked about; null: none


class Task(Protocol):
    """One question. Nothing after an origin may change what is said of it, but `label`."""

    name: str
    subject: str  # what ids are of: account_id or opportunity_id
    without: tuple[str, ...]  # models that it is not asked of
    baseline: str  # the feature that anybody would look at first
    spread: float  # of the slope of its chances, see `Calibration.found`

    def asked(self, origin: dt.date) -> Asked:
        """Raises NothingToAsk: nobody is eligible."""

    def came(self, asked: Asked, origin: dt.date, by: dt.date) -> np.ndarray | None:
        """The label of those asked at an origin, as it was known by a later day; null: it was
        not."""

    def examples(self, origin: dt.date) -> Examples:
        """All of which the label had ended by the origin. Raises NothingToAsk: there is none."""

    def before(self, origin: dt.date) -> dt.date | None:
        """The newest earlier origin whose label had ended by this one; null: there is none."""
