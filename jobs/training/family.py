"""What a family of models promises: how it gets data, is judged, is fitted, and answers.

A model is one file with `Params` (a frozen dataclass) and one class; a family is one protocol.py
with FAMILY. `bench`, `train`, `promote` and `predict` know families by name only.
"""

import datetime as dt
import hashlib
import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import pandas as pd

Split = Literal["valid", "test"]

# the keys of FAMILIES
FamilyName = Literal[
    "recommenders",
    "forecasts",
    "forecasts_daily",
    "churn",
    "soft_churn",
    "offer",
    "value",
    "segments",
]
FAMILIES = {
    "recommenders": "jobs.training.recommenders.protocol",
    "forecasts": "jobs.training.forecasts.protocol",
    "forecasts_daily": "jobs.training.forecasts.daily",
    "churn": "jobs.training.propensity.protocol",
    "soft_churn": "jobs.training.propensity.spending_less",
    "offer": "jobs.training.propensity.answers",
    "value": "jobs.training.value.protocol",
    "segments": "jobs.training.segments.protocol",
}

# rooms that are judged on files only; tracking and MLflow's experiments know them like families
RoomName = Literal["propensity"]  # the keys of ROOMS
BenchName = Literal[FamilyName, RoomName]
Question = Literal["churn", "soft_churn", "department", "offer", "win"]  # of the room propensity
ROOMS = {"propensity": "jobs.training.propensity.files"}
FAILED_SHARE = 0.5  # of answers that models failed at; above it a job ends as failed


class NothingToJudge(ValueError):
    """What there is does not reach: too little data, or none on the days asked for."""


class TooManyFailed(Exception):
    """Models failed at more than FAILED_SHARE of what they were asked."""


@dataclass(frozen=True)
class Dataset:
    """A table at the version that was read."""

    table: str
    version: int


@dataclass(frozen=True)
class Data:
    """What a family learns from: frames by a short name, and the tables they were read from.

    The first dataset is the feature table whose version the scores carry.
    """

    frames: Mapping[str, pd.DataFrame]
    datasets: tuple[Dataset, ...]
    newest: dt.date  # last business date in the feature table

    @property
    def feature_version(self) -> int:
        return self.datasets[0].version


@dataclass(frozen=True)
class Configuration:
    """A model with its settings: what the bench judges and `train` refits."""

    model: str
    params: Any  # the model's Params

    @cached_property
    def id(self) -> str:
        """Such as repeat-1f3a9c: the same settings have the same id."""
        text = json.dumps(asdict(self.params), sort_keys=True)
        return f"{self.model}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


@dataclass(frozen=True)
class Judged:
    """One configuration on one task of one split: a value per metric and subject."""

    task: str
    per_subject: Mapping[str, pd.Series]  # metric → values, indexed by account or series
    device: str = "cpu"
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)  # such as loss per epoch


@dataclass(frozen=True)
class Count:
    """What a part of `predict` did: a model that has `counts` afterwards has them in ops.offers."""

    kind: str  # rung: answered; rule: took away
    code: str
    accounts: int
    offers: int
    reason: str


@dataclass(frozen=True)
class Answers:
    """What a saved model says as of a day, before versions and grades are put to it."""

    rows: pd.DataFrame  # of the family's `predict`
    datasets: tuple[Dataset, ...]  # as in Data
    until: dt.date  # business date as of which they hold
    counts: Sequence[Count] = ()  # what its parts did
    asked: int = 0  # accounts, where there are counts


class Model(Protocol):
    """What every model can do, of whatever family."""

    name: ClassVar[str]
    Params: ClassVar[type]
    params: Any
    device: str  # cpu or cuda: where it was fitted

    def save(self, folder: Path) -> None:
        """Write everything into an existing folder, without pickle."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""


class Recommender(Model, Protocol):
    """Interactions: one row per account, product and business date (features.interactions)."""

    def fit(
        self,
        interactions: pd.DataFrame,
        accounts: pd.DataFrame,
        products: pd.DataFrame,
        promotions: pd.DataFrame | None,
        as_of: dt.date,
    ) -> Self:
        """Learn from interactions dated up to as_of; the caller has cut them."""

    def observe(
        self,
        interactions: pd.DataFrame,
        as_of: dt.date,
        products: pd.DataFrame | None = None,
        promotions: pd.DataFrame | None = None,
    ) -> Self:
        """Take newer histories as input to what was learnt, without learning again.

        Null products: those that were learnt; null promotions: none.
        """

    def recommend(
        self,
        account_ids: Sequence[str],
        k: int,
        candidates: Sequence[str],
        exclude_owned: bool,
        as_of: dt.date,
    ) -> pd.DataFrame:
        """Rows (account_id, rank from 1, product_id, score, reason_code), best first."""


class Forecaster(Model, Protocol):
    """Series: one row per series_id and ds, with y and the covariates known in advance."""

    def fit(self, series: pd.DataFrame) -> Self: ...

    def predict(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        """Rows (series_id, ds, p10, p50, p90) of the next `horizon` steps."""


@runtime_checkable
class Tabular(Protocol):
    """A model that learns from a table of features: the gate looks at each column of it."""

    gains: Mapping[str, float]  # column → what it brought, such as LightGBM's gain; empty: not told

    def examples(self) -> tuple[pd.DataFrame, pd.Series]:
        """Features and label of the rows that the last fit learnt from."""


@runtime_checkable
class Graded(Protocol):
    """A family whose scores mean the same from version to version, so that grades have edges."""

    def scores(self, model: Any, data: Data, as_of: dt.date) -> pd.Series:
        """What is graded, per account_id as of a date: the higher the better the grade."""

    def good(self, score: pd.Series) -> pd.Series:
        """Landed scores as what is graded: a chance to lose a customer is the worse the higher."""


@runtime_checkable
class Ignorant(Protocol):
    """A family whose naive knows too much to be what is left when there is nothing to know."""

    def by_chance(self, window: Any) -> pd.Series:
        """The deciding metric per subject, of one answer for everybody."""


@runtime_checkable
class Foretelling(Protocol):
    """A family that tells chances of what does or does not happen to a customer."""

    def outcomes(self, data: Data, configuration: Configuration, cut: dt.date) -> pd.DataFrame:
        """account_id, chance, happened (0 or 1), is_acted_on, at a window that has ended."""

    def happened(self, data: Data, cut: dt.date) -> pd.Series:
        """0 or 1 per account_id that is asked about there."""


@runtime_checkable
class Choosy(Protocol):
    """A family of which some models are judged, and shown, but may never answer."""

    def may_answer(self, model: str) -> bool:
        """By a model's name."""


@dataclass(frozen=True)
class Changes:
    """What a version of groups would change for those who are in them, and its own faults."""

    accounts: int  # of the day that it learnt up to
    moved: float | None  # share of them that it alone puts elsewhere; null: there is no champion
    gone: Sequence[str] = ()  # groups of the champion that are no more, by name
    new: Sequence[str] = ()  # groups that the champion has not
    worn: Sequence[str] = ()  # groups that their names' rules no longer fit
    unsteady: Sequence[str] = ()  # why these are no groups to work with, in words


@runtime_checkable
class Continuing(Protocol):
    """A family whose versions go on from the champion, so that groups stay who they are."""

    def refit(self, before: Any, data: Data, configuration: Configuration, as_of: dt.date) -> Any:
        """As `fit`; before: the champion's model."""

    def changes(self, before: Any | None, after: Any, data: Data, as_of: dt.date) -> Changes:
        """What another model than the champion's would change; before: null: there is none."""


class Family(Protocol):
    """A family's protocol.py has one of these as FAMILY."""

    name: str  # of the family, its MLflow experiment and its registered model
    entity: str  # of the landed answers
    valid_days: int  # an answer made as of D is good until D + valid_days
    tables: tuple[str, ...]  # that `data` reads, in the order of its datasets
    tasks: tuple[str, ...]  # that `judge` tells of

    @property
    def baseline(self) -> Configuration:
        """The naive configuration that everything is compared with; one of `configurations`."""

    def model(self, name: str) -> type[Any]:
        """The model's class, imported when asked for."""

    def data(self, as_of: dt.date | None) -> Data:
        """Read `tables`; with as_of only rows dated up to it, as they were known by its closing.

        Without it, where a table keeps its history, every version: cuts take those known by them.
        """

    def cut(self, data: Data) -> dt.date:
        """The default cut: the last day of training, such that the test's days are complete."""

    def configurations(self) -> Sequence[Configuration]:
        """What the bench judges."""

    def windows(self, data: Data, cut: dt.date) -> Mapping[Split, Any]:
        """What `judge` needs per split; valid ends where test begins."""

    def judge(self, window: Any, configuration: Configuration) -> Sequence[Judged]:
        """Fit on a window's training part and judge on the rest, one result per task."""

    def fit(self, data: Data, configuration: Configuration, as_of: dt.date) -> Any:
        """Learn from everything up to as_of."""

    def predict(self, model: Any, data: Data, as_of: dt.date, size: int | None) -> pd.DataFrame:
        """The entity's rows, without the columns that `predict.py` adds for all families."""


def family(name: str) -> Family:
    """The family by its name.

    Raises:
        KeyError: there is no such family.
    """
    if name not in FAMILIES:
        raise KeyError(f"no family {name!r}; the families are: {', '.join(FAMILIES)}")
    found: Family = importlib.import_module(FAMILIES[name]).FAMILY
    return found


def configuration_of(family: Family, model: str, params: Mapping[str, Any]) -> Configuration:
    """A configuration from what a log kept of it."""
    return Configuration(model, family.model(model).Params(**params))
