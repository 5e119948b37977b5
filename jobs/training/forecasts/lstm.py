"""lstm: one recurrent network over all series, quantiles of every step ahead at once.

Wen et al.: A Multi-Horizon Quantile Recurrent Forecaster (arXiv 1711.11053): it sees the past, what
is known in advance, and which series it is. Differs in that the network learns deviations from the
series' level, season and month taken out, so that it starts from a fair forecast and series of any
size are alike; several networks are averaged.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from torch import Tensor, nn

from jobs.training.device import device, threads
from jobs.training.forecasts.forecaster import QUANTILES
from jobs.training.forecasts.windows import Alike, GlobalForecaster
from jobs.training.learning import Batch, Plan, learn

BATCH = 256  # windows that one step of the optimiser sees
THREADS = 1  # sums come in one order, and networks this small are no faster with more
STATIC = 4  # width of what is learnt of a series by itself
UNNAMED = 0.1  # share of windows that do not tell their series: for those met later


@dataclass(frozen=True)
class Params:
    season: int = 1  # steps, 1 is none
    horizon: int = 4  # steps ahead that are learnt, 1 or more
    window: int = 12  # steps that the network looks back, 2 or more
    hidden: int = 16  # width of the recurrent state, 8..256
    members: int = 3  # networks that are averaged, 1 or more
    epochs: int = 20  # passes over all windows
    rate: float = 3e-3  # of learning at its highest, 1e-4..1e-2
    decay: float = 1e-2  # weight decay of Adam, 0..1
    seed: int = 0  # of first weights and the windows' order
    covariates: bool = True  # whatever the series tell in advance


SPACE = {
    "hidden": IntDistribution(8, 64, log=True),
    "epochs": IntDistribution(5, 80, log=True),
    "rate": FloatDistribution(5e-4, 1e-2, log=True),
    "decay": FloatDistribution(0.0, 0.1),
    "covariates": CategoricalDistribution((True, False)),
}


class Network(nn.Module):
    """Letters: windows B, steps back L, steps ahead T, covariates C, series E, state H."""

    def __init__(self, series: int, covariates: int, horizon: int, hidden: int) -> None:
        super().__init__()
        self.static = nn.Embedding(series + 1, STATIC)  # 0: a series that it does not know
        self.recurrent = nn.LSTM(1 + covariates, hidden, batch_first=True)
        self.hidden = nn.Linear(hidden + horizon + covariates + STATIC, hidden)
        self.answer = nn.Linear(hidden, len(QUANTILES))
        self.horizon = horizon

    def quantiles(self, batch: Batch) -> Tensor:
        """past (B, L, 1 + C), later (B, T, C) and series (B,) → (B, T, 3)."""
        past, later = batch["past"], batch["later"]
        _, (state, _) = self.recurrent(past)
        told = torch.cat([state[-1], self.static(batch["series"])], dim=1)  # (B, H + E)
        told = told[:, None, :].expand(-1, self.horizon, -1)  # (B, T, H + E)
        ahead = torch.eye(self.horizon, device=past.device).expand(len(past), -1, -1)  # (B, T, T)
        state = torch.relu(self.hidden(torch.cat([told, ahead, later], dim=2)))  # (B, T, H)
        found: Tensor = self.answer(state)  # (B, T, 3)
        return found

    def forward(self, batch: Batch) -> Tensor:
        """The loss, in scales."""
        return pinball(self.quantiles(batch), batch["targets"])


class Windows:
    """Stretches of series with what came after them, as batches: `learning.Examples`."""

    def __init__(self, told: Batch) -> None:
        self.told = told

    def __len__(self) -> int:
        return len(self.told["targets"])

    def batch(self, rows: np.ndarray, chance: np.random.Generator) -> Batch:
        at = torch.from_numpy(rows)
        found = {name: tensor[at] for name, tensor in self.told.items()}
        named = torch.from_numpy(chance.random(len(rows)) >= UNNAMED)
        return found | {"series": found["series"] * named}

    def digest(self) -> str:
        told = hashlib.sha256()
        for tensor in self.told.values():
            told.update(tensor.numpy().data)
        return told.hexdigest()


class Lstm(GlobalForecaster):
    """Letters: windows B, steps back L, steps ahead T, covariates C."""

    name = "lstm"
    Params: ClassVar[type] = Params

    @property
    def fewest(self) -> int:
        return max(super().fewest, self.params.window + self.params.horizon)

    def learn_alike(self, alike: dict[str, Alike]) -> None:
        self.device = device()
        self.numbers = {s: number for number, s in enumerate(alike, 1)}
        windows = self._windows(alike)
        self.curves: dict[str, list[float]] = {}
        self.networks = [self._network(m, windows) for m in range(self.params.members)]

    def _windows(self, alike: dict[str, Alike]) -> Windows:
        """Every stretch of every series that has a window and its horizon."""
        p = self.params
        past, later, series, targets = [], [], [], []
        for series_id, one in alike.items():
            for end in range(p.window, len(one.rest) - p.horizon + 1):
                ahead = slice(end, end + p.horizon)
                past.append(self._past(one, end))
                later.append(one.known[ahead])
                series.append(self.numbers[series_id])
                targets.append(one.rest[ahead] - one.level[end - 1])
        return Windows(_tensors(past, later, series) | {"targets": _floats(targets)})

    def _past(self, one: Alike, end: int) -> np.ndarray:
        """The window before a place: steps from its level, and covariates. (L, 1 + C)"""
        back = slice(end - self.params.window, end)
        return np.column_stack([one.rest[back] - one.level[end - 1], one.known[back]])

    def _new_network(self) -> Network:
        count = len(self.covariates)
        return Network(len(self.numbers), count, self.params.horizon, self.params.hidden)

    def _network(self, member: int, windows: Windows) -> Network:
        p = self.params
        torch.manual_seed(p.seed + member)
        network = self._new_network().to(self.device)
        plan = Plan(p.epochs, BATCH, p.rate, p.decay, p.seed + member, THREADS)
        # by one process: so small a network learns faster than others would have started
        self.curves[f"loss.{member}"] = learn(network, windows, plan, self.device, together=1)
        return network

    @torch.no_grad()
    def forecast_alike(
        self, alike: dict[str, Alike], known: dict[str, np.ndarray], horizon: int
    ) -> np.ndarray:
        missing = self.params.horizon - horizon
        past = [self._past(one, len(one.rest)) for one in alike.values()]
        later = [np.pad(known[s], ((0, missing), (0, 0))) for s in alike]
        series = [self.numbers.get(s, 0) for s in alike]
        asked = {n: t.to(self.device) for n, t in _tensors(past, later, series).items()}
        with threads(THREADS):
            found = torch.stack([network.quantiles(asked) for network in self.networks]).mean(dim=0)
        quantiles: np.ndarray = found.cpu().numpy()[:, :horizon].astype(float)
        return quantiles

    def keep(self, folder: Path) -> None:
        torch.save([n.state_dict() for n in self.networks], folder / "networks.pt")
        (folder / "series.json").write_text(json.dumps(self.numbers))

    def restore(self, folder: Path) -> None:
        self._make_alike()
        self.device = device()
        self.numbers = json.loads((folder / "series.json").read_text())
        kept = torch.load(folder / "networks.pt", weights_only=True, map_location=self.device)
        self.networks = []
        for weights in kept:
            network = self._new_network()
            network.load_state_dict(weights)
            self.networks.append(network.to(self.device).eval())


def _tensors(past: list[np.ndarray], later: list[np.ndarray], series: list[int]) -> Batch:
    """(B, L, 1 + C), (B, T, C) and (B,)."""
    return {"past": _floats(past), "later": _floats(later), "series": torch.tensor(series)}


def _floats(parts: list[np.ndarray]) -> Tensor:
    return torch.tensor(np.stack(parts), dtype=torch.float32)


def pinball(quantiles: Tensor, targets: Tensor) -> Tensor:
    """Mean over all of max(q * e, (q - 1) * e), e = target - quantile. (B, T, 3), (B, T) → ()"""
    error = targets[:, :, None] - quantiles
    q = torch.tensor(QUANTILES, device=quantiles.device)
    return torch.maximum(q * error, (q - 1) * error).mean()
