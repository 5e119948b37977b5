"""How torch networks learn here: one loop for all, that survives a kill and a full memory.

A network gives its loss for a batch, `Examples` make the batches. `learn` does the rest: Adam with
a rate that rises and falls, batches made while the one before is computed, a checkpoint a minute,
half the batch where memory ends, several processes where there are several GPUs.
"""

import hashlib
import logging
import math
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, distributed, nn

from jobs.settings import settings
from jobs.training.device import precision, processes, threads
from jobs.training.written import forget, whole

logger = logging.getLogger(__name__)

AHEAD = 2  # batches that are made while one is computed
WARM = 0.1  # share of the way on which the rate rises
SECONDS = 60.0  # between checkpoints: a kill costs so much
KEPT_DAYS = 14  # of a checkpoint that nobody came back for

Batch = dict[str, Tensor]


class Examples(Protocol):
    """What is learnt from; batches are made in another thread."""

    def __len__(self) -> int: ...

    def batch(self, rows: np.ndarray, chance: np.random.Generator) -> Batch:
        """Tensors of the examples at `rows`; all that is drawn comes from `chance`."""
        ...

    def digest(self) -> str:
        """The same for the same examples: a checkpoint is of one learning."""
        ...


@dataclass(frozen=True)
class Plan:
    epochs: int  # passes over the examples, 1 or more
    batch: int  # examples in a step, 1 or more; over all processes
    learning_rate: float  # of Adam at its highest, above 0
    weight_decay: float  # of Adam, 0 or more
    seed: int  # of the order and of what batches draw; weights and dropout are the caller's
    threads: int  # of a process on a CPU, 1 or more; the sums' last digits depend on it


@dataclass
class Place:
    """How far the learning is."""

    epoch: int = 0
    at: int = 0  # examples of this epoch that were learnt from
    batch: int = 0  # examples in a step now
    total: float = 0.0  # sum of this epoch's losses
    losses: list[float] = field(default_factory=list)  # mean of each epoch that is over


def learn(
    network: nn.Module,
    examples: Examples,
    plan: Plan,
    device: str,
    *,
    together: int | None = None,
    folder: Path | None = None,
    seconds: float = SECONDS,
) -> list[float]:
    """Teach the network, in place; gives each epoch's mean loss.

    A learning that was killed goes on at its last checkpoint, on a CPU to the same bits.

    Args:
        network: gives the mean loss () of a batch.
        together: processes that learn it; null: one for each GPU, one on a CPU.
        folder: where checkpoints lie; null: in the state folder.
        seconds: between checkpoints.

    Raises:
        torch.OutOfMemoryError: one example is too much.
    """
    folder = folder or settings().state / "checkpoints"
    together = together or processes(device)
    if together > 1:
        from jobs.training import together as several  # it imports this module

        return several.learn(network, examples, plan, device, together, folder, seconds)
    with threads(plan.threads):
        file = folder / f"{identity(network, examples, plan)}.pt"
        return Learning(network, examples, plan, device, file, seconds).run()


class Learning:
    """One process's part of it."""

    def __init__(
        self,
        network: nn.Module,
        examples: Examples,
        plan: Plan,
        device: str,
        file: Path,
        seconds: float,
    ) -> None:
        self.network, self.examples, self.plan, self.device = network, examples, plan, device
        self.file, self.seconds, self.saved_at = file, seconds, time.monotonic()
        # fused: one pass over the weights, which are many where products are
        self.adam = torch.optim.Adam(
            network.parameters(),
            lr=plan.learning_rate,
            weight_decay=plan.weight_decay,
            fused=True,
        )
        self.place = Place(batch=plan.batch)
        joined = distributed.is_initialized()
        self.rank = distributed.get_rank() if joined else 0
        self.world = distributed.get_world_size() if joined else 1
        self.whole = nn.parallel.DistributedDataParallel(network) if joined else network

    def run(self) -> list[float]:
        self._resume()
        self.network.train()
        with ThreadPoolExecutor(AHEAD) as loaders:
            while self.place.epoch < self.plan.epochs:
                self._epoch(loaders)
        self.network.eval()
        if self.rank == 0:
            self.file.unlink(missing_ok=True)
        return self.place.losses

    def _epoch(self, loaders: ThreadPoolExecutor) -> None:
        place, count = self.place, len(self.examples)
        order = np.random.default_rng((self.plan.seed, place.epoch)).permutation(count)
        coming: deque[tuple[int, Future[Batch]]] = deque()
        while place.at < count:
            asked = coming[-1][0] + place.batch if coming else place.at
            while len(coming) <= AHEAD and asked < count:
                coming.append((asked, loaders.submit(self._load, order, asked, place.batch)))
                asked += place.batch
            _, loading = coming.popleft()
            if self._fits(loading, min(place.batch, count - place.at)):
                place.at += place.batch
                self._save()
            else:
                coming.clear()
        mean = torch.tensor(place.total / max(count, 1))
        if self.world > 1:
            mean = mean.to(self.device)
            distributed.all_reduce(mean, distributed.ReduceOp.AVG)
        place.losses.append(mean.item())
        place.epoch, place.at, place.total = place.epoch + 1, 0, 0.0

    def _load(self, order: np.ndarray, at: int, size: int) -> Batch:
        """This process's share of the examples from `at`; the same whenever it is asked for."""
        rows = order[at : at + size]
        mine = rows[self.rank :: self.world] if len(rows) >= self.world else rows
        chance = np.random.default_rng((self.plan.seed, self.place.epoch, at, self.rank))
        batch = self.examples.batch(mine, chance)
        if self.device.startswith("cuda"):
            return {n: t.pin_memory().to(self.device, non_blocking=True) for n, t in batch.items()}
        return batch

    def _fits(self, loading: Future[Batch], count: int) -> bool:
        """One step; false where memory ended: the batch is then half as large from here on."""
        try:
            loss = self._step(loading.result())
        except torch.OutOfMemoryError:
            if self.place.batch == 1 or self.world > 1:
                raise  # processes that wait for each other have to halve at once: see docs/gpu.md
            self.place.batch //= 2
            logger.warning("out of memory: %d examples in a step from here on", self.place.batch)
            self.adam.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            return False
        self.place.total += loss * count
        return True

    def _step(self, batch: Batch) -> float:
        rate = self.plan.learning_rate * self._share_of_rate()
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.zero_grad(set_to_none=True)
        with precision(self.device):
            loss = self.whole(batch)
        loss.backward()
        self.adam.step()
        return float(loss.item())

    def _share_of_rate(self) -> float:
        """Rises to 1, then falls to 0 on a cosine; by examples, however many a step takes."""
        way = (self.place.epoch + self.place.at / len(self.examples)) / self.plan.epochs
        if way < WARM:
            return 0.04 + 0.96 * way / WARM
        return 0.5 + 0.5 * math.cos(math.pi * (way - WARM) / (1 - WARM))

    def _save(self) -> None:
        if self.rank or time.monotonic() - self.saved_at < self.seconds:
            return
        self.saved_at = time.monotonic()
        forget(self.file.parent, "*", KEPT_DAYS)
        kept = {
            "network": self.network.state_dict(),
            "adam": self.adam.state_dict(),
            "place": asdict(self.place),
            "chance": torch.get_rng_state(),
        }
        if self.device.startswith("cuda"):
            kept["chance.cuda"] = torch.cuda.get_rng_state(self.device)
        with whole(self.file) as candidate:
            torch.save(kept, candidate)

    def _resume(self) -> None:
        if not self.file.exists():
            return
        # on the CPU first: a random state is a tensor there, and copies go where their owners are
        kept = torch.load(self.file, weights_only=True, map_location="cpu")
        self.network.load_state_dict(kept["network"])
        self.adam.load_state_dict(kept["adam"])
        self.place = Place(**kept["place"])
        torch.set_rng_state(kept["chance"])
        if "chance.cuda" in kept and self.device.startswith("cuda"):
            torch.cuda.set_rng_state(kept["chance.cuda"], self.device)
        logger.info("goes on at epoch %d, example %d", self.place.epoch, self.place.at)


def identity(network: nn.Module, examples: Examples, plan: Plan) -> str:
    """Of a learning: its settings, network and examples."""
    told = hashlib.sha256(f"{plan} {network} {examples.digest()} {torch.__version__}".encode())
    for name, tensor in network.state_dict().items():
        told.update(f"{name} {tuple(tensor.shape)}".encode())
    return told.hexdigest()[:24]
