"""The loop that torch networks share: it survives kills, full memories, and several processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from jobs.settings import ROOT
from jobs.training.learning import Batch, Plan, learn
from jobs.training.written import whole

PLAN = Plan(
    epochs=3, batch=8, learning_rate=0.05, weight_decay=0.0, seed=0, threads=1
)  # of 40 examples: 15 steps


class Line:
    """Twice the first number plus the second, minus a noise that is drawn for each batch."""

    def __init__(self, count: int = 40) -> None:
        self.x = np.random.default_rng(1).normal(size=(count, 2)).astype(np.float32)

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, rows: np.ndarray, chance: np.random.Generator) -> Batch:
        x = self.x[rows]
        y = x @ np.array([2, 1], np.float32) + chance.normal(0, 0.01, len(rows))
        return {"x": torch.from_numpy(x), "y": torch.from_numpy(y.astype(np.float32))}

    def digest(self) -> str:
        return str(self.x.sum())


class Guess(nn.Module):
    """A line, with a dropout that draws from torch's own state; slow, if it is to be killed."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.line = nn.Linear(2, 1)
        self.seconds = seconds

    def forward(self, batch: Batch) -> Tensor:
        time.sleep(self.seconds)
        found = self.line(nn.functional.dropout(batch["x"], 0.2, self.training))[:, 0]
        return nn.functional.mse_loss(found, batch["y"])


def guess(seconds: float = 0.0) -> Guess:
    torch.manual_seed(5)
    return Guess(seconds)


def weights(network: nn.Module) -> list[list[float]]:
    return [tensor.flatten().tolist() for tensor in network.state_dict().values()]


def learnt(folder: Path, plan: Plan = PLAN) -> tuple[Guess, list[float]]:
    network = guess()
    return network, learn(network, Line(), plan, "cpu", folder=folder)


def test_it_learns_the_line(tmp_path: Path) -> None:
    plan = Plan(epochs=60, batch=8, learning_rate=0.05, weight_decay=0.0, seed=0, threads=1)
    network = guess()
    network.forward = lambda batch: nn.functional.mse_loss(  # type: ignore[method-assign]
        network.line(batch["x"])[:, 0], batch["y"]
    )
    losses = learn(network, Line(), plan, "cpu", folder=tmp_path)
    assert len(losses) == 60
    assert losses[-1] < 0.001 < losses[0]
    np.testing.assert_allclose(weights(network)[0], [2, 1], atol=0.02)


def test_each_epoch_sees_every_example_once_in_an_order_of_its_own(tmp_path: Path) -> None:
    seen: list[list[int]] = []

    class Told(Line):
        def batch(self, rows: np.ndarray, chance: np.random.Generator) -> Batch:
            seen.append(rows.tolist())
            return super().batch(rows, chance)

    learn(guess(), Told(20), PLAN, "cpu", folder=tmp_path)
    # batches are made by two threads: they may come in another order than they are learnt from
    assert sorted(row for rows in seen for row in rows) == sorted(list(range(20)) * 3)
    assert {len(rows) for rows in seen} == {8, 4}
    assert len({tuple(rows) for rows in seen}) == len(seen)


# What runs in the process that is killed: a checkpoint after every step, each step 0.2 s.
KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from test_learning import PLAN, Line, guess, learn
learn(guess({seconds}), Line(), PLAN, "cpu", folder=Path({folder!r}), seconds=0.0)
"""


def killed_after_some_steps(folder: Path) -> None:
    """Start learning, kill -9 once a checkpoint says that four steps are done."""
    code = KILLED.format(here=str(Path(__file__).parent), seconds=0.2, folder=str(folder))
    started = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            files = list(folder.glob("*.pt"))
            if files and torch.load(files[0], weights_only=True)["place"]["at"] >= 32:
                break
            assert started.poll() is None, "it ended before it was killed"
            time.sleep(0.05)
    finally:
        os.kill(started.pid, signal.SIGKILL)
        started.wait()


def test_a_learning_that_was_killed_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    plain, losses = learnt(tmp_path / "plain")
    killed_after_some_steps(tmp_path / "killed")
    assert len(list((tmp_path / "killed").glob("*.pt"))) == 1
    steps = []
    network = guess()
    network.register_forward_hook(lambda *_: steps.append(1))
    again = learn(network, Line(), PLAN, "cpu", folder=tmp_path / "killed")
    assert 0 < len(steps) <= 11  # not from the beginning: 15 steps, of which four were kept
    assert weights(network) == weights(plain)
    assert again == losses
    assert not list((tmp_path / "killed").glob("*.pt"))  # it is over


def test_a_checkpoint_of_other_examples_or_settings_is_not_taken_up(tmp_path: Path) -> None:
    killed_after_some_steps(tmp_path)
    other = Plan(epochs=3, batch=8, learning_rate=0.04, weight_decay=0.0, seed=0, threads=1)
    for examples, plan in ((Line(41), PLAN), (Line(), other)):
        steps: list[int] = []
        network = guess()
        network.register_forward_hook(lambda *_, seen=steps: seen.append(1))
        learn(network, examples, plan, "cpu", folder=tmp_path)
        assert len(steps) >= 15


def test_a_checkpoint_is_whole_or_not_there(tmp_path: Path) -> None:
    file = tmp_path / "kept.pt"
    with whole(file) as candidate:
        candidate.write_text("old")

    def half() -> None:
        with whole(file) as candidate:
            candidate.write_text("half")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        half()
    assert file.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["kept.pt"]


def test_checkpoints_that_nobody_came_back_for_are_dropped(tmp_path: Path) -> None:
    left = tmp_path / "left.pt"
    left.write_text("")
    os.utime(left, (0, 0))
    learn(guess(), Line(), PLAN, "cpu", folder=tmp_path, seconds=0.0)
    assert not left.exists()


def test_where_memory_ends_the_batch_is_halved_and_the_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sizes: list[int] = []

    def memory_for_three(network: nn.Module, inputs: tuple[Batch]) -> None:
        if len(inputs[0]["x"]) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        sizes.append(len(inputs[0]["x"]))

    network = guess()
    network.register_forward_pre_hook(memory_for_three)
    losses = learn(network, Line(), PLAN, "cpu", folder=tmp_path)
    assert sizes == [2] * 60  # 8, then 4, then 2: all 40 examples, three times
    assert len(losses) == 3
    assert "4 examples in a step from here on" in caplog.text


def test_where_memory_ends_while_a_batch_is_made_it_is_halved_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Line.batch

    def memory_for_three(line: Line, rows: np.ndarray, chance: np.random.Generator) -> Batch:
        if len(rows) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return made(line, rows, chance)

    monkeypatch.setattr(Line, "batch", memory_for_three)
    assert len(learn(guess(), Line(), PLAN, "cpu", folder=tmp_path)) == 3


def test_one_example_that_is_too_much_is_an_error(tmp_path: Path) -> None:
    def no_memory(network: nn.Module, inputs: tuple[Batch]) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    network = guess()
    network.register_forward_pre_hook(no_memory)
    with pytest.raises(torch.OutOfMemoryError):
        learn(network, Line(), PLAN, "cpu", folder=tmp_path)


def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    plan = Plan(epochs=60, batch=8, learning_rate=0.05, weight_decay=0.0, seed=0, threads=1)
    alone, both = Plain(), Plain()
    both.load_state_dict(alone.state_dict())
    learn(alone, Even(), plan, "cpu", folder=tmp_path, together=1)
    losses = learn(both, Even(), plan, "cpu", folder=tmp_path, together=2)
    assert len(losses) == 60
    # halves of a batch, averaged: the same sums in another order
    np.testing.assert_allclose(weights(both)[0], weights(alone)[0], atol=1e-3)


@pytest.mark.services
def test_spark_starts_them_where_a_session_is_open(
    spark: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyspark.ml.torch.distributor import TorchDistributor

    asked: list[int] = []
    run = TorchDistributor.run

    def told(self: TorchDistributor, *args: object) -> object:
        asked.append(self.num_processes)
        return run(self, *args)

    monkeypatch.setattr(TorchDistributor, "run", told)
    network = Plain()
    losses = learn(network, Even(), PLAN, "cpu", folder=tmp_path, together=2)
    assert asked == [2]
    assert losses[-1] < losses[0]


class Even(Line):
    """Without noise, so that a batch is the same for one process and for two."""

    def batch(self, rows: np.ndarray, chance: np.random.Generator) -> Batch:
        x = self.x[rows]
        return {"x": torch.from_numpy(x), "y": torch.from_numpy(x @ np.array([2, 1], np.float32))}


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(2, 1)

    def forward(self, batch: Batch) -> Tensor:
        return nn.functional.mse_loss(self.line(batch["x"])[:, 0], batch["y"])
