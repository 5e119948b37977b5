"""lstm learns in the loop that torch networks share: it survives kills and full memories."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from jobs.settings import ROOT
from jobs.training.forecasts import lstm
from jobs.training.forecasts.forecaster import P, steps_after
from jobs.training.forecasts.lstm import Lstm, Params
from jobs.training.learning import Batch

STEPS = 3  # of an epoch: 3 series of 150 days have 399 windows, in batches of 160
EPOCHS = 4


@pytest.fixture(autouse=True)
def _small_batches(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU, with checkpoints in a state of one's own."""
    monkeypatch.setenv("SALES_DEVICE", "cpu")
    monkeypatch.setattr(lstm, "BATCH", 160)


def params(members: int = 2) -> Params:
    return Params(
        season=7, horizon=4, window=14, hidden=8, members=members, epochs=EPOCHS, covariates=True
    )


def days() -> pd.DataFrame:
    chance = np.random.default_rng(4)
    dates = pd.date_range("2017-01-02", periods=150)
    parts = [
        pd.DataFrame(
            {
                "series_id": name,
                "ds": dates,
                "y": 100 + 30 * (dates.dayofweek == 5) + chance.normal(0, 5, 150),
                "offers": (chance.random(150) < 0.2).astype(float),
            }
        )
        for name in ("DELI", "MEAT", "WINE")
    ]
    return pd.concat(parts, ignore_index=True)


def weights(model: Lstm) -> list[list[float]]:
    return [t.flatten().tolist() for one in model.networks for t in one.state_dict().values()]


def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the number of windows of each step that is learnt."""
    seen: list[int] = []
    forward = lstm.Network.forward

    def told(self: lstm.Network, batch: Batch) -> Tensor:
        seen.append(len(batch["targets"]))
        return forward(self, batch)

    monkeypatch.setattr(lstm.Network, "forward", told)
    return seen


# What runs in the process that is killed: a checkpoint after every step, each step 0.2 s.
KILLED = """
import functools, sys, time
from jobs.training import learning
from jobs.training.forecasts import lstm
sys.path.insert(0, {here!r})
from test_lstm import days, params
forward = lstm.Network.forward
lstm.Network.forward = lambda self, batch: time.sleep(0.2) or forward(self, batch)
lstm.BATCH = 160
lstm.learn = functools.partial(learning.learn, seconds=0.0)
lstm.Lstm(params()).fit(days())
"""


def killed_in_the_second_network(folder: Path) -> None:
    """Start a fit, kill -9 once the checkpoint is the second network's, five steps on."""
    code = KILLED.format(here=str(Path(__file__).parent))
    started = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    seen: set[str] = set()
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            for file in folder.glob("*.pt"):
                seen.add(file.name)
                if len(seen) == 2 and torch.load(file, weights_only=True)["place"]["epoch"] >= 2:
                    return
            assert started.poll() is None, "it ended before it was killed"
            time.sleep(0.05)
    finally:
        os.kill(started.pid, signal.SIGKILL)
        started.wait()


def test_a_fit_that_was_killed_goes_on_to_the_same_bits(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Lstm(params()).fit(days())
    killed_in_the_second_network(state / "checkpoints")
    assert len(list((state / "checkpoints").glob("*.pt"))) == 1
    seen = steps(monkeypatch)
    again = Lstm(params()).fit(days())
    # the first network from its beginning, the second from its third epoch at the latest
    assert STEPS * EPOCHS < len(seen) <= STEPS * EPOCHS + STEPS * (EPOCHS - 2)
    assert weights(again) == weights(plain)
    assert again.curves == plain.curves
    assert not list((state / "checkpoints").glob("*.pt"))  # it is over


def test_where_memory_ends_the_batch_is_halved_and_the_fit_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen = steps(monkeypatch)
    forward = lstm.Network.forward

    def memory_for_ninety(self: lstm.Network, batch: Batch) -> Tensor:
        if len(batch["targets"]) > 90:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, batch)

    monkeypatch.setattr(lstm.Network, "forward", memory_for_ninety)
    model = Lstm(params(members=1)).fit(days())
    assert seen == [80, 80, 80, 80, 79] * EPOCHS
    assert "80 examples in a step from here on" in caplog.text
    asked = steps_after(days(), 4).assign(offers=0.0)
    assert model.predict(4, asked)[P].notna().all(axis=None)


def told(count: int) -> Batch:
    """Windows of a series each; their targets are their numbers."""
    return {
        "past": torch.zeros(count, 2, 1),
        "later": torch.zeros(count, 3, 1),
        "series": torch.arange(1, count + 1),
        "targets": torch.arange(count)[:, None].expand(-1, 3).float().contiguous(),
    }


def test_a_batch_hides_of_some_windows_which_series_they_are_of() -> None:
    rows = np.random.default_rng(0).permutation(1_000)
    batch = lstm.Windows(told(1_000)).batch(rows, np.random.default_rng(1))
    kept = batch["series"].numpy() != 0
    assert 1 - kept.mean() == pytest.approx(lstm.UNNAMED, abs=0.03)
    assert (batch["series"].numpy()[kept] == rows[kept] + 1).all()
    assert (batch["targets"][:, 0].numpy() == rows).all()


@pytest.mark.parametrize("name", ["past", "later", "series", "targets"])
def test_other_windows_have_another_digest(name: str) -> None:
    other = told(4)
    other[name][2] += 1
    assert lstm.Windows(other).digest() != lstm.Windows(told(4)).digest()
    assert lstm.Windows(told(4)).digest() == lstm.Windows(told(4)).digest()
