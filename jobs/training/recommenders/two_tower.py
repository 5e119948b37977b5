"""two_tower: a vector for what the account bought so far meets a vector per product.

After Yi et al., Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations
(RecSys 2019). Differs in that all products are scored, each as a yes or no (a softmax makes popular
products that one owns push down those that one does not), that it learns forward in time (history
up to an origin, purchases in the weeks after it), and that own history adds to a product's score.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from optuna.distributions import FloatDistribution, IntDistribution
from scipy.sparse import csr_matrix, vstack
from torch import Tensor, nn
from torch.nn import functional

from jobs.training.device import device, threads
from jobs.training.recommenders.purchases import RECENT_DAYS, Purchases, logged
from jobs.training.recommenders.recommender import ProductRecommender, everywhere

FEATURES = ("product_type", "department", "manufacturer_id", "brand")  # columns of products


@dataclass(frozen=True)
class Params:
    size: int = 32  # of every vector, 8..512
    half_life_weeks: float = 16.0  # weeks after which an order in the history counts half, above 0
    ahead_weeks: int = 4  # weeks after an origin whose purchases are learnt, 1 or more
    origins: int = 3  # origins, ahead_weeks apart, counted back from the end, 1 or more
    dropout: float = 0.5  # share of a history that the tower does not see in a step, 0..0.9
    epochs: int = 8  # passes over accounts x origins, 1 or more
    batch: int = 512  # accounts in a step, 1 or more
    learning_rate: float = 0.003  # of Adam, above 0
    weight_decay: float = 1e-5  # of Adam, 0 or more
    seed: int = 0  # of first weights, order and dropout
    # on a CPU, 1 or more; the sums' last digits depend on it, and on a busy machine threads that
    # wait for each other are many times slower than one
    threads: int = 1


SPACE = {
    "size": IntDistribution(16, 128, log=True),
    "half_life_weeks": FloatDistribution(4.0, 64.0, log=True),
    "origins": IntDistribution(1, 5),
    "dropout": FloatDistribution(0.0, 0.8),
    "epochs": IntDistribution(4, 30, log=True),
    "learning_rate": FloatDistribution(0.0005, 0.02, log=True),
    "weight_decay": FloatDistribution(1e-6, 1e-2, log=True),
}


@dataclass(frozen=True)
class Baskets:
    """Weights of products per account, only those above 0. N of them for B accounts."""

    rows: Tensor  # (N,) place of the account, rising
    products: Tensor  # (N,) place of the product
    weights: Tensor  # (N,)
    starts: Tensor  # (B,) where each account begins

    @classmethod
    def of(cls, matrix: csr_matrix, device: str) -> Self:
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        parts = (rows, matrix.indices, matrix.data, matrix.indptr[:-1])
        kinds = (np.int64, np.int64, np.float32, np.int64)
        return cls(
            *(
                torch.from_numpy(part.astype(kind)).to(device)
                for part, kind in zip(parts, kinds, strict=True)
            )
        )


class Towers(nn.Module):
    """Letters: B accounts of a batch, N their products, P products, F features, D size."""

    def __init__(self, codes: Tensor, names: int, chance: Tensor, params: Params) -> None:
        super().__init__()
        self.register_buffer("codes", codes)  # (P, F): a product's own code and its features'
        self.vectors = nn.EmbeddingBag(names, params.size, mode="sum")
        self.bias = nn.Parameter(torch.logit(chance))  # (P,)
        # what own history adds: per log order, per product owned, per the product's bias; a tenth
        self.memory = nn.Parameter(torch.tensor([0.2, 0.0, 0.0]))
        self.dropout = params.dropout
        nn.init.normal_(self.vectors.weight, std=0.02)

    def forward(self, history: Baskets) -> Tensor:
        """Logits (B, P) of being bought next, given log(1 + weighted orders)."""
        products = self.vectors(self.codes)  # (P, F) → (P, D)
        weights = functional.dropout(history.weights, self.dropout, self.training)  # (N,)
        total = torch.zeros_like(history.starts, dtype=weights.dtype)
        total = total.index_add(0, history.rows, weights**2).clamp_min(1e-6).rsqrt()  # (B,)
        account = functional.embedding_bag(
            history.products,
            products,
            history.starts,
            per_sample_weights=weights * total[history.rows],
            mode="sum",
        )  # (N,), (P, D) → (B, D)
        logits = torch.addmm(self.bias, account, products.T)  # (B, D) x (D, P) → (B, P)
        per_order, per_product, per_bias = 10 * self.memory
        own = per_order * history.weights + per_product + per_bias * self.bias[history.products]
        return logits.index_put((history.rows, history.products), own, accumulate=True)


class TwoTower(ProductRecommender):
    name: ClassVar[str] = "two_tower"
    Params: ClassVar[type] = Params
    reason: ClassVar[str] = "similar_customers"

    def __init__(self, params: Any) -> None:
        super().__init__(params)
        self.device = device()

    def learn(self, interactions: pd.DataFrame, products: pd.DataFrame, as_of: dt.date) -> None:
        torch.manual_seed(self.params.seed)
        codes, names = _codes(products, self.purchases.products)
        self.towers = Towers(codes, names, self._chance(), self.params).to(self.device)
        history, future = self._examples(interactions, as_of)
        with threads(self.params.threads):
            self.curves = {"loss": self._learn(history, future)}

    def _chance(self) -> Tensor:
        """How likely an account buys each product in the weeks learnt, from late orders. (P,)"""
        periods = RECENT_DAYS / 7 / self.params.ahead_weeks
        orders = (self.purchases.popularity + 0.5) / periods  # half an order where there was none
        chance = np.minimum(orders / (len(self.purchases.accounts) + 1), 0.9)
        return torch.from_numpy(chance.astype(np.float32))

    def _examples(
        self, interactions: pd.DataFrame, as_of: dt.date
    ) -> tuple[csr_matrix, csr_matrix]:
        """Histories at past origins, purchases after each; rows are accounts x origins."""
        p, ids = self.params, self.purchases.products
        histories, futures = [], []
        for back in range(1, p.origins + 1):
            origin = as_of - dt.timedelta(weeks=p.ahead_weeks * back)
            date = interactions["business_date"]
            end = pd.Timestamp(origin + dt.timedelta(weeks=p.ahead_weeks))
            before = interactions[date <= pd.Timestamp(origin)]
            after = interactions[(date > pd.Timestamp(origin)) & (date <= end)]
            if before.empty or after.empty:
                break
            past = Purchases.of(before, origin, p.half_life_weeks, ids)
            next_ = Purchases.of(after, origin, None, ids)
            _, rows, next_rows = np.intersect1d(past.accounts, next_.accounts, return_indices=True)
            histories.append(logged(past.orders)[rows])
            futures.append(next_.orders[next_rows] > 0)
        if not histories:
            # younger than one origin: the history has to explain itself, as in an autoencoder
            whole = self.purchases.orders
            return logged(whole), (whole > 0).astype(np.float32).tocsr()
        return vstack(histories).tocsr(), vstack(futures).astype(np.float32).tocsr()

    def _learn(self, history: csr_matrix, future: csr_matrix) -> list[float]:
        """Adam on the logistic likelihood; gives each epoch's mean loss (nats per account)."""
        p = self.params
        chance = np.random.default_rng(p.seed)
        adam = torch.optim.Adam(
            self.towers.parameters(), lr=p.learning_rate, weight_decay=p.weight_decay
        )
        losses = []
        self.towers.train()
        for _ in range(p.epochs):
            total = 0.0
            order = chance.permutation(history.shape[0])
            for rows in np.array_split(order, max(1, len(order) // p.batch)):
                truth = Baskets.of(future[rows], self.device)
                logits = self.towers(Baskets.of(history[rows], self.device))  # (B, P)
                likely = logits[truth.rows, truth.products]  # (N,)
                loss = (functional.softplus(logits).sum() - likely.sum()) / len(rows)
                adam.zero_grad()
                loss.backward()
                adam.step()
                total += loss.item() * len(rows)
            losses.append(total / len(order))
        return losses

    def score(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.towers.eval()
        with torch.no_grad(), threads(self.params.threads):
            history = logged(self.purchases.orders[places])
            logits = self.towers(Baskets.of(history, self.device))
        return everywhere(logits.cpu().numpy().astype(np.float64))

    def keep(self) -> dict[str, Any]:
        return {n: weight.cpu().numpy() for n, weight in self._weights()}

    def _weights(self) -> list[tuple[str, Tensor]]:
        """By names without a dot."""
        return [(n.replace(".", "_"), w) for n, w in self.towers.state_dict().items()]

    def restore(self, kept: Mapping[str, Any]) -> None:
        codes, bias = torch.from_numpy(kept["codes"]), torch.from_numpy(kept["bias"])
        names = len(kept["vectors_weight"])
        self.towers = Towers(codes, names, torch.full_like(bias, 0.5), self.params).to(self.device)
        for name, weight in self._weights():
            weight.copy_(torch.from_numpy(kept[name]))


def _codes(products: pd.DataFrame, ids: np.ndarray) -> tuple[Tensor, int]:
    """Codes (P, F) of each product and its features, all different, and how many there are."""
    about = products.drop_duplicates("product_id").set_index("product_id").reindex(ids)
    codes, names = [np.arange(len(ids))], len(ids)
    for feature in FEATURES:
        found = about[feature].astype(object).where(about[feature].notna(), "")
        numbers, distinct = pd.factorize(found.astype(str), sort=True)
        codes.append(numbers + names)
        names += len(distinct)
    return torch.from_numpy(np.stack(codes, axis=1)), names
