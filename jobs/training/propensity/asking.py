"""One model at several origins: its chances, put right by a window that had ended, and why."""

import datetime as dt
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from jobs.training import tracking
from jobs.training.family import Configuration, Split
from jobs.training.propensity import models, reasons
from jobs.training.propensity.calibration import Calibration
from jobs.training.propensity.classifier import Classifier, Explains, Rows
from jobs.training.propensity.task import Asked, NothingToAsk, Task

logger = logging.getLogger(__name__)

VALID_WINDOWS = 2  # that a choice rests on


@dataclass(frozen=True)
class Answer:
    """A model's chances at an origin."""

    asked: Asked
    margin: np.ndarray  # (N) log-odds, before they are put right
    reasons: (
        pd.DataFrame
    )  # the subject's id and what `reasons.strongest` says; empty: it cannot say why
    seconds: float  # to fit and to answer
    peak_mib: float


class Asking:
    """One model, asked at several origins; an origin is answered once."""

    def __init__(self, of: Task, configuration: Configuration) -> None:
        self.of, self.configuration = of, configuration
        self.answers: dict[dt.date, Answer] = {}

    def margin(self, origin: dt.date) -> Answer:
        if origin not in self.answers:
            with tracking.PeakMemory() as memory:
                started = time.perf_counter()
                examples, asked = self.of.examples(origin), self.of.asked(origin)
                fitted = models.model(self.configuration).fit(examples)
                told = fitted.margin(asked.rows) - examples.rarity
                why = self._why(fitted, examples.rows, asked)
                seconds = time.perf_counter() - started
            self.answers[origin] = Answer(asked, told, why, seconds, memory.mib)
        return self.answers[origin]

    def _why(self, fitted: Classifier, learnt: Rows, asked: Asked) -> pd.DataFrame:
        if not isinstance(fitted, Explains):
            return pd.DataFrame()
        of = reasons.read(self.of.name)
        ways = reasons.directions(fitted, learnt, of)
        found = reasons.strongest(fitted, asked.rows, ways, of)
        return found.assign(**{self.of.subject: asked.ids[found["row"]]})

    def chances(self, origin: dt.date) -> tuple[Answer, np.ndarray]:
        """Put right by the newest window that had ended, where one could be asked about."""
        found = self.margin(origin)
        return found, self._calibration(origin).chances(found.margin)

    def _calibration(self, origin: dt.date) -> Calibration:
        before = self.of.before(origin)
        if before is None:
            return Calibration()
        try:
            then = self.margin(before)
        except NothingToAsk as error:
            logger.info("%s: chances are as the model says: %s", origin, error)
            return Calibration()
        if then.asked.label is None:
            return Calibration()
        return Calibration.found(then.margin, then.asked.label)

    def windows(self, origin: dt.date) -> Iterator[tuple[Split, dt.date]]:
        """The validation windows of an origin, and itself."""
        at = origin
        for _ in range(VALID_WINDOWS):
            earlier = self.of.before(at)
            if earlier is None:
                break
            yield "valid", earlier
            at = earlier
        yield "test", origin
