"""lstm: one recurrent network over all series, quantiles of every step ahead at once.

Wen et al.: A Multi-Horizon Quantile Recurrent Forecaster (arXiv 1711.11053). Differs in that the
network learns deviations from a plain seasonal mean, in scales of each series, so that it starts
from a fair forecast and series of any size are alike; several networks are averaged.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from jobs.training.device import device, threads
from jobs.training.forecasts.forecaster import QUANTILES, P, SeriesForecaster, regular

logger = logging.getLogger(__name__)

BATCH = 256  # windows that one step of the optimiser sees
THREADS = 1  # sums come in one order, and networks this small are no faster with more


@dataclass(frozen=True)
class Params:
    season: int = 1  # steps, 1 is none
    horizon: int = 4  # steps ahead that are learnt, 1 or more
    window: int = 12  # steps that the network looks back, 2 or more
    level: int = 8  # seasons that make the plain mean, 1..window / season
    hidden: int = 16  # width of the recurrent state, 8..256
    members: int = 4  # networks that are averaged, 1 or more
    epochs: int = 30  # passes over all windows
    rate: float = 3e-3  # of learning, 1e-4..1e-2
    decay: float = 1e-3  # of the weights, 0..1
    seed: int = 0  # of first weights and the windows' order


class Network(nn.Module):
    """Letters: windows B, steps back L, steps ahead T, place in the season S, state H."""

    def __init__(self, season: int, horizon: int, hidden: int) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(1 + season, hidden, batch_first=True)
        self.answer = nn.Sequential(
            nn.Linear(hidden + horizon + season, hidden),
            nn.ReLU(),
            nn.Linear(hidden, len(QUANTILES)),
        )
        self.horizon = horizon

    def forward(self, past: Tensor, place: Tensor, later: Tensor) -> Tensor:
        """past (B, L), place (B, L, S) and later (B, T, S), one-hot → quantiles (B, T, 3)."""
        steps = torch.cat([past[:, :, None], place], dim=2)  # (B, L, 1 + S)
        _, (state, _) = self.recurrent(steps)
        state = state[-1][:, None, :].expand(-1, self.horizon, -1)  # (B, T, H)
        ahead = torch.eye(self.horizon, device=past.device).expand(len(past), -1, -1)  # (B, T, T)
        found: Tensor = self.answer(torch.cat([state, ahead, later], dim=2))  # (B, T, 3)
        return found


class Lstm(SeriesForecaster):
    """Letters: windows B, steps back L, steps ahead T, place in the season S, state H."""

    name = "lstm"
    Params: ClassVar[type] = Params

    @property
    def fewest(self) -> int:
        return max(super().fewest, self.params.window + self.params.horizon)

    def learn(self, history: pd.DataFrame) -> None:
        self.device = device()
        logger.info("lstm: learns on %s", self.device)
        inputs, targets = self._windows(history)
        self.curves: dict[str, list[float]] = {}
        with threads(THREADS):
            self.networks = [self._network(m, inputs, targets) for m in range(self.params.members)]

    def observe(self, series: pd.DataFrame) -> Self:
        """Newer histories go into the networks as they are."""
        self._take(regular(series))
        return self

    def _windows(self, history: pd.DataFrame) -> tuple[list[Tensor], Tensor]:
        """Every stretch of every series that has a window and its horizon."""
        p, parts = self.params, []
        for series_id, one in history.groupby("series_id"):
            y, place = self._scaled(str(series_id), one)
            for end in range(p.window, len(y) - p.horizon + 1):
                around = slice(end - p.window, end + p.horizon)
                parts.append((y[around], place[around]))
        y = np.stack([part for part, _ in parts])  # (B, L + T)
        place = np.stack([part for _, part in parts])  # (B, L + T)
        inputs, mean = self._inputs(y[:, : p.window], place)
        return inputs, torch.tensor(y[:, p.window :] - mean, dtype=torch.float32)

    def _scaled(self, series_id: str, one: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Values in scales, and places in the season counted from a fixed day."""
        days = (one["ds"] - pd.Timestamp("2000-01-03")) // self.step
        return one["y"].to_numpy() / self.scale[series_id], days.to_numpy() % self.params.season

    def _inputs(self, past: np.ndarray, place: np.ndarray) -> tuple[list[Tensor], np.ndarray]:
        """What the network sees of past (B, L) and place (B, L + T), and the plain mean (B, T)."""
        p = self.params
        steps = np.arange(p.horizon) % p.season - p.season  # from the window's end
        lately = steps[None, :] - p.season * np.arange(p.level)[:, None]  # (level, T)
        mean = past[:, lately].mean(axis=1)  # (B, T)
        around = past - np.median(past, axis=1, keepdims=True)
        hot = np.eye(p.season)[place]  # (B, L + T, S)
        found = (around, hot[:, : p.window], hot[:, p.window :])
        return [torch.tensor(part, dtype=torch.float32) for part in found], mean

    def _network(self, member: int, inputs: list[Tensor], targets: Tensor) -> Network:
        p = self.params
        torch.manual_seed(p.seed + member)
        order = torch.Generator().manual_seed(p.seed + member)
        network = Network(p.season, p.horizon, p.hidden).to(self.device)
        optimiser = torch.optim.AdamW(network.parameters(), lr=p.rate, weight_decay=p.decay)
        inputs, targets = [i.to(self.device) for i in inputs], targets.to(self.device)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, p.rate, epochs=p.epochs, steps_per_epoch=-(-len(targets) // BATCH)
        )
        losses = []
        for _ in range(p.epochs):
            total = 0.0
            for batch in torch.randperm(len(targets), generator=order).split(BATCH):
                optimiser.zero_grad()
                loss = pinball(network(*(i[batch] for i in inputs)), targets[batch])
                loss.backward()
                optimiser.step()
                schedule.step()
                total += loss.item() * len(batch)
            losses.append(total / len(targets))
        self.curves[f"loss.{member}"] = losses
        return network.eval()

    @torch.no_grad()
    def forecast(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        p = self.params
        if horizon > p.horizon:
            raise ValueError(
                f"lstm: {horizon} steps asked, {p.horizon} learnt; fit with a longer Params.horizon"
            )
        ids = list(dict.fromkeys(future["series_id"]))
        histories = dict(tuple(self.history.groupby("series_id")))
        scaled = [self._scaled(s, histories[s].tail(p.window)) for s in ids]
        past = np.stack([y for y, _ in scaled])  # (B, L)
        place = np.stack([np.arange(p.window + p.horizon) + places[0] for _, places in scaled])
        inputs, mean = self._inputs(past, place % p.season)
        inputs = [i.to(self.device) for i in inputs]
        with threads(THREADS):
            found = torch.stack([network(*inputs) for network in self.networks]).mean(dim=0)
        values = (found.cpu().numpy() + mean[:, :, None]) * self.scale[ids].to_numpy()[
            :, None, None
        ]
        answer = future[["series_id", "ds"]].copy()
        answer[P] = values[:, :horizon].reshape(-1, len(P))
        return answer

    def keep(self, folder: Path) -> None:
        torch.save([n.state_dict() for n in self.networks], folder / "networks.pt")

    def restore(self, folder: Path) -> None:
        self.device = device()
        kept = torch.load(folder / "networks.pt", weights_only=True, map_location=self.device)
        self.networks = []
        for weights in kept:
            network = Network(self.params.season, self.params.horizon, self.params.hidden)
            network.load_state_dict(weights)
            self.networks.append(network.to(self.device).eval())


def pinball(quantiles: Tensor, targets: Tensor) -> Tensor:
    """Mean over all of max(q * e, (q - 1) * e), e = target - quantile. (B, T, 3), (B, T) → ()"""
    error = targets[:, :, None] - quantiles
    q = torch.tensor(QUANTILES, device=quantiles.device)
    return torch.maximum(q * error, (q - 1) * error).mean()
