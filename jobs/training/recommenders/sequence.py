"""sequence: a recurrent network reads an account's days in order; what comes next is its answer.

Hidasi et al., Session-based Recommendations with Recurrent Neural Networks (ICLR 2016), where a
step is a click. Differs in that a step is a day, the sum of the products bought on it, and tells
how long ago it was and how long after the one before; that the answer is the next weeks, not the
next step; and that what is owned is ranked by its odds of being bought again: see retrieval.py.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from jobs.training.learning import Batch
from jobs.training.recommenders import retrieval
from jobs.training.recommenders.events import Past
from jobs.training.recommenders.lessons import FOREVER
from jobs.training.recommenders.retrieval import Retrieval, Towers

STEPS = 48  # days that are read, the newest; 1 or more
TIMES = 2  # of a step: days before the origin, days after the step before; logs


@dataclass(frozen=True)
class Params(retrieval.Params):
    """As of `retrieval`."""


SPACE = retrieval.SPACE


class Days(Towers):
    """Letters: as of Towers, and n single orders, S steps of an account."""

    def __init__(
        self, codes: np.ndarray, base: np.ndarray, names: int, people: int, params: Params
    ) -> None:
        super().__init__(codes, base, names, people, params)
        size = params.size
        self.time = nn.Linear(TIMES, size)
        self.recurrent = nn.GRU(size, size, batch_first=True)
        self.answer = nn.Linear(2 * size, size)

    @staticmethod
    def sees(past: Past, accounts: int) -> dict[str, np.ndarray]:
        """Which order lies in which step of its account, and the steps' times."""
        rows = past.rows[past.order_pairs]  # (n,)
        newest_last = rows * np.int64(FOREVER) + (FOREVER - 1 - past.order_ages)
        days, of_order = np.unique(newest_last, return_inverse=True)
        of_day, ages = days // FOREVER, FOREVER - 1 - days % FOREVER
        begins = np.searchsorted(of_day, np.arange(accounts))
        counts = np.bincount(of_day, minlength=accounts)
        # the last STEPS days of each account, counted from 0
        step = np.arange(len(days)) - begins[of_day] - np.maximum(counts - STEPS, 0)[of_day]
        gaps = np.zeros(len(days))
        gaps[1:] = np.where(of_day[1:] == of_day[:-1], ages[:-1] - ages[1:], 0)
        read = step >= 0
        times = np.zeros((accounts, STEPS, TIMES), np.float32)
        times[of_day[read], step[read]] = np.log1p(np.stack([ages, gaps], axis=1)[read]) / 3
        is_read = read[of_order]
        return {
            "order_pairs": past.order_pairs[is_read],
            "order_steps": (of_day * STEPS + step)[of_order][is_read],
            "times": times,
            "last": np.clip(counts, 1, STEPS) - 1,
        }

    def account(self, batch: Batch, bought: Tensor) -> Tensor:
        accounts, pairs = len(batch["starts"]), batch["order_pairs"]
        products = bought[batch["at"][pairs]] * batch["kept"][pairs][:, None]  # (n, D)
        days = torch.zeros(accounts * STEPS, products.shape[1], device=products.device)
        days = days.index_add(0, batch["order_steps"], products)  # (B * S, D)
        days = days.view(accounts, STEPS, -1)
        steps = nn.functional.normalize(days, dim=2, eps=1e-3) + self.time(batch["times"])
        states, _ = self.recurrent(steps)  # (B, S, D)
        last = states[torch.arange(accounts, device=days.device), batch["last"]]  # (B, D)
        whole = nn.functional.normalize(days.sum(dim=1), dim=1, eps=1e-3)  # (B, D)
        found: Tensor = self.answer(torch.cat([last, whole], dim=1))
        return found


class Sequence(Retrieval):
    name: ClassVar[str] = "sequence"
    Params: ClassVar[type] = Params
    Network: ClassVar[type[Towers]] = Days
