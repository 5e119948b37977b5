"""One model at several origins: its chances, put right by a window that had ended, and why."""

import datetime as dt
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from jobs.training import tracking
from jobs.training.family import Configuration, Split
from jobs.training.propensity.calibration import Calibration
from jobs.training.propensity.scorer import Scorer, scorer
from jobs.training.propensity.task import Asked, NothingToAsk, Task

logger = logging.getLogger(__name__)

VALID_WINDOWS = 2  # that a choice rests on


@dataclass(frozen=True)
class Answer:
    """A model's chances at an origin."""

    by: Scorer  # as it was fitted there
    asked: Asked
    margin: np.ndarray  # (N) log-odds, before they are put right
    seconds: float  # to fit and to answer
    peak_mib: float


class Asking:
    """One model, asked at several origins; an origin is answered once.

    Args:
        tells_why: whether the scorers of its answers can say why.
    """

    def __init__(self, of: Task, configuration: Configuration, tells_why: bool = False) -> None:
        self.of, self.configuration, self.tells_why = of, configuration, tells_why
        self.answers: dict[dt.date, Answer] = {}

    def margin(self, origin: dt.date) -> Answer:
        if origin not in self.answers:
            with tracking.PeakMemory() as memory:
                started = time.perf_counter()
                fitted, asked = self._fitted(origin, self.tells_why), self.of.asked(origin)
                fitted.learnt = None  # many origins are held at once
                told = fitted.margin(asked.rows)
                seconds = time.perf_counter() - started
            self.answers[origin] = Answer(fitted, asked, told, seconds, memory.mib)
        return self.answers[origin]

    def _fitted(self, origin: dt.date, tells_why: bool) -> Scorer:
        kind = scorer(self.configuration.model)
        return kind(self.configuration.params).fit(self.of, origin, tells_why)

    def scorer(self, origin: dt.date) -> Scorer:
        """Fitted as of an origin, at which nobody need be asked, put right, and able to say why."""
        found = self._fitted(origin, tells_why=True)
        found.calibration = self.calibration(origin, self.of.spread)
        return found

    def chances(self, origin: dt.date) -> tuple[Answer, np.ndarray]:
        """Put right by the newest window that had ended, where one could be asked about."""
        found = self.margin(origin)
        found.by.calibration = self.calibration(origin, self.of.spread)
        return found, found.by.calibration.chances(found.margin)

    def calibration(self, origin: dt.date, spread: float) -> Calibration:
        """By the newest window that had ended; as the model says, where none could be asked about.

        Args:
            spread: see `Calibration.found`.
        """
        before = self.of.before(origin)
        if before is None:
            return Calibration()
        try:
            then = self.margin(before)
        except NothingToAsk as error:
            logger.debug("%s: chances are as the model says: %s", origin, error)
            return Calibration()
        came = self.of.came(then.asked, before, origin)
        return Calibration() if came is None else Calibration.found(then.margin, came, spread)

    def windows(self, origin: dt.date) -> Iterator[tuple[Split, dt.date]]:
        """The validation windows of an origin, and itself."""
        yield from (("valid", earlier) for earlier in valid_windows(self.of, origin))
        yield "test", origin


def valid_windows(of: Task, origin: dt.date) -> list[dt.date]:
    """Origins of windows that had ended by an origin, the newest first: a choice rests on them."""
    found: list[dt.date] = []
    at = of.before(origin)
    while at is not None and len(found) < VALID_WINDOWS:
        found.append(at)
        at = of.before(at)
    return found
