"""Looking for settings: what is tried, what it is judged on, and what a kill leaves of it."""

import datetime as dt
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import SimpleNamespace

import mlflow
import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from jobs.settings import settings
from jobs.table import FOREVER
from jobs.training import space, tracking, tune
from jobs.training.family import Configuration, Data, Dataset, Judged, NothingToJudge, family
from jobs.training.forecasts import models as forecasters
from jobs.training.forecasts.protocol import WEEKLY, Forecasts
from jobs.training.recommenders import protocol

CUT = dt.date(2017, 10, 29)


@dataclass(frozen=True)
class Params:
    # tuned on any, 2016-01-01: trial 3, run old
    depth: float = 0.0  # how deep, 0..6
    kind: str = "flat"  # what it is like
    seed: int = 7


SPACE = {
    "depth": FloatDistribution(0.0, 6.0),
    "kind": CategoricalDistribution(("flat", "steep")),
}


class Toy:
    name = "toy"
    Params = Params


@dataclass(frozen=True)
class Window:
    cut: dt.date
    is_test: bool


class Toys:
    """Best at a depth of 3; one subject is easier than the next."""

    name = "recommenders"
    tasks = ("any", "new")

    def __init__(self, gain: float = 0.1, subjects: int = 50) -> None:
        self.gain, self.subjects = gain, subjects
        self.judged: list[tuple[dt.date, Params]] = []

    def model(self, name: str) -> type:
        return Toy

    def configurations(self) -> list[Configuration]:
        return [Configuration("toy", Params())]

    def data(self, as_of: dt.date | None) -> Data:
        return Data({}, (Dataset("features.interactions", 3),), CUT + dt.timedelta(weeks=4))

    def cut(self, data: Data) -> dt.date:
        return CUT

    def windows(self, data: Data, cut: dt.date) -> dict[str, Window]:
        if cut < CUT - dt.timedelta(weeks=12):
            raise NothingToJudge(f"nothing to judge at cut {cut}")
        before = cut - dt.timedelta(weeks=4)
        return {"valid": Window(before, False), "test": Window(cut, True)}

    def judge(self, window: Window, configuration: Configuration) -> list[Judged]:
        assert not window.is_test
        p = configuration.params
        if p.kind == "steep" and p.depth > 5:
            raise ValueError("too deep to be steep")
        self.judged.append((window.cut, p))
        chance = np.random.default_rng(int(1_000 * p.depth))
        noise = chance.normal(scale=0.001, size=self.subjects)
        values = 0.5 - self.gain * (p.depth - 3) ** 2 / 9 + noise
        values += np.linspace(0, 0.3, self.subjects)
        return [Judged("new", {}), Judged("any", {"ndcg_at_10": pd.Series(values)})]


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    """An MLflow database without a run: its migrations take seconds, a copy does not."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store(state, empty_store, registry):
    shutil.copy(empty_store, state / "mlflow.db")
    tracking.client().create_experiment("recommenders", artifact_location=str(state / "artifacts"))
    return tracking.client()


@pytest.fixture
def toys(store, monkeypatch) -> Toys:
    found = Toys()
    monkeypatch.setattr(tune, "family", lambda name: found)
    return found


def study() -> optuna.Study:
    storage = f"sqlite:///{settings().state / 'tuning.db'}"
    [name] = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage)


def runs(store) -> dict[str, list]:
    """Runs by the kind of thing that they are."""
    place = store.get_experiment_by_name("recommenders").experiment_id
    found: dict[str, list] = {"tune": [], "trial": []}
    for run in store.search_runs([place]):
        found["trial" if "mlflow.parentRunId" in run.data.tags else "tune"].append(run)
    return found


def test_better_settings_come_as_the_lines_that_would_make_them_stand(toys, store):
    told = tune.tune("recommenders", "toy", trials=12)
    best = study().best_trial
    assert best.number > 0
    assert f"trial {best.number} of 12" in told
    found = re.search(r"depth: float = (\S+)  # how deep, 0..6", told)
    assert float(found[1]) == pytest.approx(3, abs=1)
    # what is not looked for stays; where the values come from stands once, with its date
    assert "    seed: int = 7" in told
    notes = [line for line in told.splitlines() if "# tuned on" in line]
    run = best.user_attrs["run"]
    today = f"{dt.datetime.now(dt.UTC):%Y-%m-%d}"
    assert notes == [f"    # tuned on any, {today}: trial {best.number}, run {run}"]
    assert store.get_run(run).data.params["depth"] == found[1]


def test_the_first_trial_is_what_stands_and_the_rest_is_compared_with_it(toys):
    told = tune.tune("recommenders", "toy", trials=12)
    assert study().trials[0].params == {"depth": 0.0, "kind": "flat"}
    # a depth of 3 in place of 0 is worth a tenth
    gain = re.search(r"as it stands \(trial 0\): .* difference ([+-]\S+) ", told)
    assert float(gain[1]) == pytest.approx(0.1, abs=0.03)


def test_what_is_not_better_beyond_noise_is_left_as_it_stands(toys):
    toys.gain = 0.0
    told = tune.tune("recommenders", "toy", trials=8)
    assert told.endswith("leave what stands")
    assert "tuned on" not in told


def test_every_trial_is_a_run_below_one_parent(toys, store):
    tune.tune("recommenders", "toy", trials=8)
    found = runs(store)
    [parent] = found["tune"]
    assert [run.info.status for run in found["trial"]] == ["FINISHED"] * 8
    assert {run.data.tags["mlflow.parentRunId"] for run in found["trial"]} == {parent.info.run_id}
    assert parent.data.metrics["trials"] == 8
    assert parent.data.metrics["best_ndcg_at_10"] == study().best_value


def test_only_valid_splits_are_judged_the_newest_first(toys):
    tune.tune("recommenders", "toy", trials=1, windows=3)
    weeks = [dt.timedelta(weeks=back) for back in (4, 8, 12)]
    assert [origin for origin, _ in toys.judged] == [CUT - back for back in weeks]


def test_a_history_too_short_for_all_windows_gives_those_there_are(toys):
    tune.tune("recommenders", "toy", trials=1, windows=9)
    assert len(toys.judged) == 4


@dataclass(frozen=True)
class Origins:
    origins: tuple[dt.date, ...]


def test_a_split_of_several_origins_is_judged_origin_by_origin_each_once():
    def windows(data: Data, cut: dt.date) -> dict[str, Origins]:
        return {"valid": Origins((cut - dt.timedelta(weeks=8), cut - dt.timedelta(weeks=4)))}

    found = tune.past_windows(SimpleNamespace(name="f", windows=windows), None, CUT, 2)
    origins = [CUT - dt.timedelta(weeks=back) for back in (4, 8, 12)]
    assert found == {origin: Origins((origin,)) for origin in origins}
    assert list(found) == origins


def test_a_trial_that_begins_badly_is_pruned(toys):
    tune.tune("recommenders", "toy", trials=11, sampler="random")
    states = [trial.state.name for trial in study().trials]
    assert states[: tune.BEFORE_PRUNING] == ["COMPLETE"] * tune.BEFORE_PRUNING
    assert states.count("PRUNED") > 0
    # pruned after the first window: the second was not judged
    assert len(toys.judged) == 2 * states.count("COMPLETE") + states.count("PRUNED")


def test_a_grid_tries_every_point_once_and_what_stands(toys):
    tune.tune("recommenders", "toy", trials=99, sampler="grid", windows=1)
    found = sorted((p.depth, p.kind) for _, p in toys.judged)
    # both kinds at depths 0, 2 and 4; a steep one cannot be judged at 6
    assert found == [(d, k) for d in (0.0, 2.0, 4.0) for k in ("flat", "steep")] + [(6.0, "flat")]


def test_a_trial_that_cannot_be_fitted_fails_alone(toys, store):
    tune.tune("recommenders", "toy", trials=99, sampler="grid", windows=1)
    assert [trial.state.name for trial in study().trials].count("FAIL") == 1
    assert [run.info.status for run in runs(store)["trial"]].count("FAILED") == 1


def test_where_no_trial_ends_it_is_said(toys, monkeypatch):
    monkeypatch.setattr(Toys, "judge", lambda *told: 1 / 0)
    with pytest.raises(tune.CannotTune, match="trials failed"):
        tune.tune("recommenders", "toy", trials=3)


def test_the_same_again_tries_nothing_and_more_trials_go_on(toys, store):
    first = tune.tune("recommenders", "toy", trials=3)
    assert tune.tune("recommenders", "toy", trials=3) == first
    assert len(runs(store)["trial"]) == 3
    tune.tune("recommenders", "toy", trials=5)
    assert len(runs(store)["trial"]) == 5
    # what comes after is not what was drawn before
    assert len({str(trial.params) for trial in study().trials}) == 5


def test_no_trial_begins_after_the_minutes(toys, monkeypatch):
    # not the real module's: other threads ask that one too
    clock = SimpleNamespace(monotonic=lambda: 30.0 * len(toys.judged))
    monkeypatch.setattr(tune, "time", clock)
    tune.tune("recommenders", "toy", minutes=1.5, windows=1)
    assert len(toys.judged) == 3


def test_another_task_is_another_study(toys):
    toys.judge = lambda window, c: [Judged("new", {"ndcg_at_10": pd.Series([c.params.depth])})]
    assert "best on new" in tune.tune("recommenders", "toy", trials=2, task="new")


def killed(registry: str) -> None:
    """Tune in a process that kills itself in the second window of its third trial."""
    code = (
        "import mlflow, os, signal\n"
        f"mlflow.set_tracking_uri('{registry}')\n"
        "from jobs.training import tune\n"
        "from tests.training.test_tune import Toys\n"
        "class Dying(Toys):\n"
        "    def judge(self, *told):\n"
        "        if len(self.judged) == 5:\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return super().judge(*told)\n"
        "toys = Dying()\n"
        "tune.family = lambda name: toys\n"
        "tune.tune('recommenders', 'toy', trials=6)\n"
    )
    dead = subprocess.run([sys.executable, "-c", code], cwd=Path.cwd(), env=dict(os.environ))
    assert dead.returncode == -signal.SIGKILL


def test_a_killed_study_goes_on_and_its_trial_is_closed_and_comes_again(toys, store, registry):
    killed(registry)
    before = runs(store)
    assert {run.info.status for run in before["tune"]} == {"RUNNING"}
    assert [trial.state.name for trial in study().trials].count("RUNNING") == 1
    tune.tune("recommenders", "toy", trials=6)
    trials, after = study().trials, runs(store)
    assert [trial.state.name for trial in trials].count("FAIL") == 1
    assert trials[2].state.name == "FAIL"
    assert trials[3].params == trials[2].params
    assert len(tune.tried(study())) == 6
    [parent] = after["tune"]
    assert parent.info.run_id == before["tune"][0].info.run_id
    assert parent.info.status == "FINISHED"
    ends = [run.info.status for run in after["trial"]]
    assert (ends.count("FINISHED"), ends.count("KILLED")) == (6, 1)


def test_two_do_not_look_for_the_same_at_once(toys):
    with (
        tune.opened("a", "tpe", "higher"),
        pytest.raises(tune.CannotTune, match="another process"),
        tune.opened("a", "tpe", "higher"),
    ):
        pass


# the naive one has nothing to choose, and the bench judges both kinds of ensembles
FORECASTERS = [n for n in forecasters.MODELS if n not in ("seasonal_naive", "ensemble")]


@pytest.mark.parametrize(
    ("of", "name"),
    [
        *(("recommenders", name) for name in protocol.MODELS),
        *((of, name) for of in ("forecasts", "forecasts_daily") for name in FORECASTERS),
    ],
)
def test_what_stands_lies_in_what_is_looked_through(of, name):
    model = family(of).model(name)
    judged = tune.as_it_stands(family(of), name, tune.rules(of).task).params
    for setting, kind in space.space_of(model).items():
        assert setting in {field.name for field in fields(model.Params)}
        for stands in (asdict(model.Params()), asdict(judged)):
            value = stands[setting]
            inside = (
                value in kind.choices
                if hasattr(kind, "choices")
                else kind.low <= value <= kind.high
            )
            assert inside


class Shop(Forecasts):
    """Two departments that sell twice as much since six weeks before the first past window."""

    def data(self, as_of: dt.date | None) -> Data:
        weeks = pd.date_range("2017-01-02", periods=51, freq="7D")
        chance = np.random.default_rng(9)
        parts = [
            pd.DataFrame(
                {
                    "series_id": name,
                    "ds": weeks,
                    "known_date": weeks + pd.Timedelta(days=6),
                    "superseded_date": pd.Timestamp(FOREVER),
                    "y": np.where(np.arange(51) < 30, 100, 200) + chance.normal(0, 5, 51),
                    "is_complete": True,
                    "holiday_days": (np.arange(51) % 9 == 0).astype(float),
                }
            )
            for name in ("DELI", "MEAT")
        ]
        frames = {"series": pd.concat(parts), "calendar": parts[0][["ds", "holiday_days"]]}
        tables = (Dataset("features.sales_weekly", 1), Dataset("silver.calendar", 1))
        return Data(frames, tables, dt.date(2017, 12, 24))


@pytest.fixture
def shop(state, empty_store, registry, monkeypatch) -> Shop:
    shutil.copy(empty_store, state / "mlflow.db")
    tracking.client().create_experiment("forecasts", artifact_location=str(state / "artifacts"))
    found = Shop("forecasts", WEEKLY)
    monkeypatch.setattr(tune, "family", lambda name: found)
    return found


def test_better_settings_of_a_forecaster_are_found_on_past_origins(shop):
    # of what is there to choose from, the mean of the newest four weeks sees none of the old level
    told = tune.tune("forecasts", "mean", "grid", trials=9)
    assert "best on week: mase" in told
    assert "weeks after 2017-10-08, 2017-09-10" in told
    assert "into jobs/training/forecasts/mean.py:" in told
    assert "    newest: int | None = 4  # seasons that are averaged" in told
    assert sorted(str(t.params["newest"]) for t in study().trials) == ["13", "26", "4", "8", "None"]


@pytest.mark.parametrize("name", [n for n in FORECASTERS if n != "mean"])
def test_every_forecaster_can_be_tuned(shop, name):
    tune.tune("forecasts", name, "random", trials=2, windows=1)
    assert [trial.state.name for trial in study().trials] == ["COMPLETE"] * 2


@pytest.mark.parametrize("name", ["recommenders", "forecasts"])
def test_a_model_that_is_not_there_is_told_with_those_that_are(name):
    with pytest.raises(tune.CannotTune, match=r"^--model: no \w+ 'eese'; there are: \w+, "):
        tune.tune(name, "eese")


def test_a_task_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(tune.CannotTune, match=r"^--task old: recommenders is judged on any, new$"):
        tune.tune("recommenders", "ease", task="old")


def test_a_model_without_a_space_is_told_where_to_write_it():
    with pytest.raises(space.NoSpace, match=r"^plain has no SPACE: .* docs/tuning\.md"):
        space.space_of(type("Plain", (), {"name": "plain", "__module__": "jobs.command"}))


def test_a_grid_holds_both_ends_and_is_even_in_logs_where_told_so():
    assert space.points(IntDistribution(1, 2)) == [1, 2]
    assert space.points(FloatDistribution(1.0, 1_000.0, log=True)) == pytest.approx(
        [1, 10, 100, 1_000]
    )
    assert space.points(CategoricalDistribution((None, 4))) == [None, 4]
