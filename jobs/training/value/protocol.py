"""How customers' value is learnt from the lake, judged, and told: USD of the next eight weeks.

The models of models.py, at the newest window that has ended (test) and the two before it (valid);
by the mean absolute error, beside what was spent in as many days before.
"""

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from jobs.training import account_days
from jobs.training.data import known_by
from jobs.training.family import Configuration, Data, Judged, NothingToJudge, Split
from jobs.training.propensity import reasons
from jobs.training.value import accuracy, models
from jobs.training.value.history import VALID_WINDOWS, past_origins
from jobs.training.value.valuer import Valuer

logger = logging.getLogger(__name__)

HORIZON_DAYS = 56  # that are foretold
SCORE_NAME = "value"


@dataclass(frozen=True)
class Window:
    """Account days, the origins that a split judges, and the day by whose closing it judges."""

    days: pd.DataFrame
    origins: tuple[dt.date, ...]
    known_on: dt.date


class Values:
    name = "value"
    entity = "account_scores"
    valid_days = 7
    tables = account_days.TABLES
    tasks = ("value",)

    def model(self, name: str) -> type[Valuer]:
        return models.model(name)

    @property
    def baseline(self) -> Configuration:
        [found] = [c for c in self.configurations() if c.model == models.BASELINE]
        return found

    def configurations(self) -> Sequence[Configuration]:
        return models.configurations()

    def data(self, as_of: dt.date | None) -> Data:
        days, datasets = account_days.days(as_of)
        return Data({"days": days}, datasets, days["business_date"].max().date())

    def cut(self, data: Data) -> dt.date:
        """The newest window that has ended."""
        return data.newest - dt.timedelta(days=HORIZON_DAYS)

    def windows(self, data: Data, cut: dt.date) -> Mapping[Split, Window]:
        """Raises NothingToJudge: no window had ended by the cut."""
        days = data.frames["days"]
        earlier = past_origins(days, cut, HORIZON_DAYS, HORIZON_DAYS, VALID_WINDOWS)
        is_over = data.newest >= cut + dt.timedelta(days=HORIZON_DAYS)
        if not earlier or not is_over or known_by(days, cut).empty:
            raise NothingToJudge(
                f"{self.name}, cut {cut}: a test there needs {HORIZON_DAYS} days after it, and"
                f" {2 * HORIZON_DAYS} before it for a window to choose by; there are days to"
                f" {data.newest}. Land more, or take another cut"
            )
        logger.info("%s: valid %s, test %s", self.name, ", ".join(map(str, earlier)), cut)
        return {
            "valid": Window(days, tuple(earlier), cut),
            "test": Window(days, (cut,), data.newest),
        }

    def judge(self, window: Window, configuration: Configuration) -> Sequence[Judged]:
        parts = []
        for origin in window.origins:
            model = self._fitted(window.days, configuration, origin)
            parts.append(self._beside(model.predict(window.days, origin), window, origin))
        values = accuracy.per_account(pd.concat(parts, ignore_index=True))
        kept = {metric: each for metric, each in values.items() if each.notna().any()}
        return [Judged("value", kept, model.device)]

    def _beside(self, told: pd.DataFrame, window: Window, origin: dt.date) -> pd.DataFrame:
        return accuracy.beside(told, window.days, origin, HORIZON_DAYS, window.known_on)

    def _fitted(self, days: pd.DataFrame, configuration: Configuration, as_of: dt.date) -> Valuer:
        made = self.model(configuration.model)(configuration.params)
        return made.fit(days, as_of, HORIZON_DAYS)

    def fit(self, data: Data, configuration: Configuration, as_of: dt.date) -> Valuer:
        return self._fitted(data.frames["days"], configuration, as_of)

    def by_chance(self, window: Window) -> pd.Series:
        """Mean absolute error of the median of what accounts had spent in as many days before."""
        parts = []
        for origin in window.origins:
            made = self._fitted(window.days, self.baseline, origin)
            found = made.predict(window.days, origin)
            found = found.assign(value_usd=found["value_usd"].median())
            parts.append(self._beside(found, window, origin))
        return accuracy.per_account(pd.concat(parts, ignore_index=True))["mae"]

    def good(self, score: pd.Series) -> pd.Series:
        return score

    def scores(self, model: Valuer, data: Data, as_of: dt.date) -> pd.Series:
        found = model.predict(data.frames["days"], as_of)
        return found.set_index("account_id")["value_usd"]

    def predict(self, model: Valuer, data: Data, as_of: dt.date, size: int | None) -> pd.DataFrame:
        days = data.frames["days"]
        found = model.predict(days, as_of)
        why = model.why(days, as_of)
        return pd.DataFrame(
            {
                "account_id": found["account_id"],
                "score_name": SCORE_NAME,
                "campaign_id": pd.Series(None, found.index, dtype="str"),
                "score": found["value_usd"],
                "low": found["lo80"],
                "high": found["hi80"],
                "reasons": reasons.as_json(why, len(found)),
            }
        )


FAMILY = Values()
