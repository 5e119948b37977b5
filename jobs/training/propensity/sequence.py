"""sequence: a convolutional network over weekly baskets.

Bai, Kolter, Koltun: An Empirical Evaluation of Generic Convolutional and Recurrent Networks for
Sequence Modeling (2018): dilated convolutions that look back only. Differs in that two layers more
read the mean of all weeks beside the newest. Gives no terms, so no reasons.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from jobs.training import device as places
from jobs.training.learning import Batch, Plan, learn
from jobs.training.propensity.classifier import Examples, Rows

LAYERS = ((5, 1), (5, 2), (3, 4))  # kernel and dilation: they see 20 weeks back
NETWORK, PARAMS = "network.pt", "params.json"


@dataclass(frozen=True)
class Params:
    weeks: int = 40  # that are read, the newest; 1 or more
    size: int = 32  # channels of a layer, 1 or more
    dropout: float = 0.3  # before the answer, 0..1
    epochs: int = 4  # 1 or more
    batch: int = 512  # examples, 1 or more
    rate: float = 2e-3  # of learning, above 0
    decay: float = 1e-4  # of weights, 0 or more
    seed: int = 0
    threads: int = 1  # of the CPU


class Weeks(nn.Module):
    """Letters: B examples, T weeks, C channels, H size."""

    def __init__(self, channels: int, params: Params) -> None:
        super().__init__()
        size = params.size
        self.layers = nn.ModuleList(
            nn.Conv1d(channels if first else size, size, kernel, dilation=dilation)
            for first, (kernel, dilation) in zip((True, False, False), LAYERS, strict=True)
        )
        self.answer = nn.Sequential(
            nn.Dropout(params.dropout),
            nn.Linear(2 * size, 2 * size),
            nn.GELU(),
            nn.Dropout(params.dropout),
            nn.Linear(2 * size, 1),
        )

    def margin(self, weekly: Tensor) -> Tensor:
        state = weekly.transpose(1, 2)  # (B, C, T) oldest first
        for layer, (kernel, dilation) in zip(self.layers, LAYERS, strict=True):
            before = (kernel - 1) * dilation
            state = nn.functional.gelu(layer(nn.functional.pad(state, (before, 0))))  # (B, H, T)
        told = torch.cat([state[:, :, -1], state.mean(dim=2)], dim=1)  # (B, 2H)
        found: Tensor = self.answer(told)[:, 0]
        return found

    def forward(self, batch: Batch) -> Tensor:
        lost: Tensor = nn.functional.binary_cross_entropy_with_logits(
            self.margin(batch["weekly"]), batch["label"], batch["weight"]
        )
        return lost


@dataclass(frozen=True)
class Lessons:
    """What `learn` takes batches from."""

    weekly: np.ndarray  # (N, T, C) float32
    label: np.ndarray  # (N) float32
    weight: np.ndarray  # (N) float32

    def __len__(self) -> int:
        return len(self.label)

    def batch(self, rows: np.ndarray, chance: np.random.Generator) -> Batch:
        told = {"weekly": self.weekly, "label": self.label, "weight": self.weight}
        return {name: torch.from_numpy(values[rows]) for name, values in told.items()}

    def digest(self) -> str:
        found = hashlib.sha256(np.ascontiguousarray(self.weekly).tobytes())
        found.update(self.label.tobytes() + self.weight.tobytes())
        return found.hexdigest()


class Sequence:
    """See the module's text."""

    name: ClassVar[str] = "sequence"
    Params: ClassVar[type] = Params

    def __init__(self, params: Any) -> None:
        self.params = params
        self.device = places.device()

    def fit(self, examples: Examples) -> Self:
        params = self.params
        torch.manual_seed(params.seed)
        self.channels = examples.rows.weekly.shape[2]
        self.network = Weeks(self.channels, params).to(self.device)
        label, weight = (v.astype(np.float32) for v in (examples.label, examples.weight))
        lessons = Lessons(self._read(examples.rows), label, weight)
        batch = max(1, min(params.batch, len(lessons) // 8))
        plan = Plan(params.epochs, batch, params.rate, params.decay, params.seed, params.threads)
        self.curves = {"loss": learn(self.network, lessons, plan, self.device)}
        return self

    def _read(self, rows: Rows) -> np.ndarray:
        """The newest weeks, oldest first, as logs. (N, T, C)"""
        newest = rows.weekly[:, : self.params.weeks][:, ::-1]
        found: np.ndarray = np.log1p(np.maximum(newest, 0)).astype(np.float32)
        return found

    @torch.no_grad()
    def margin(self, rows: Rows) -> np.ndarray:
        self.network.eval()
        read = torch.from_numpy(self._read(rows))
        parts = [
            self.network.margin(part.to(self.device)).cpu().numpy()
            for part in read.split(16 * self.params.batch)
        ]
        return np.concatenate(parts).astype(float) if parts else np.zeros(0)

    def save(self, folder: Path) -> None:
        torch.save(self.network.state_dict(), folder / NETWORK)
        channels = self.channels
        told = {"params": asdict(self.params), "channels": channels}
        (folder / PARAMS).write_text(json.dumps(told))

    @classmethod
    def load(cls, folder: Path) -> Self:
        told = json.loads((folder / PARAMS).read_text())
        found = cls(Params(**told["params"]))
        found.channels = told["channels"]
        found.network = Weeks(found.channels, found.params).to(found.device)
        kept = torch.load(folder / NETWORK, weights_only=True, map_location=found.device)
        found.network.load_state_dict(kept)
        return found
