"""two_tower: a vector for what the account bought so far meets a vector per product.

After Yi et al., Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations
(RecSys 2019). Differs in that it learns forward in time (history up to an origin, purchases in the
weeks after it), that part of a history is hidden and to be found too, and that what is owned is
ranked by its odds of being bought again: see jobs/training/recommenders/retrieval.py.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from jobs.training.learning import Batch
from jobs.training.recommenders import retrieval
from jobs.training.recommenders.retrieval import Retrieval, Towers


@dataclass(frozen=True)
class Params(retrieval.Params):
    """As of `retrieval`."""


SPACE = retrieval.SPACE


class Bag(Towers):
    """An account is the sum of what it bought. Letters: as of Towers."""

    def account(self, batch: Batch, bought: Tensor) -> Tensor:
        weights = torch.log1p(batch["weights"][:, 0]) * batch["kept"]  # (N,)
        total = torch.zeros(len(batch["starts"]), device=weights.device)
        total = total.index_add(0, batch["rows"], weights**2).clamp_min(1e-6).rsqrt()  # (B,)
        found: Tensor = functional.embedding_bag(
            batch["at"],
            bought,
            batch["starts"],
            per_sample_weights=weights * total[batch["rows"]],
            mode="sum",
        )  # (N,), (U, D) → (B, D)
        return found


class TwoTower(Retrieval):
    name: ClassVar[str] = "two_tower"
    Params: ClassVar[type] = Params
    Network: ClassVar[type[Towers]] = Bag
