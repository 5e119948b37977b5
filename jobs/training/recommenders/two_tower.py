"""two_tower: a vector for what the account bought so far meets a vector per product.

After Liang et al., Variational Autoencoders for Collaborative Filtering (WWW 2018): multinomial
likelihood over all products. Differs in that it learns forward in time (history up to an origin,
purchases in the weeks after it), products have features, and own history adds to the score.
"""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import torch
from scipy.sparse import csr_matrix, vstack
from torch import Tensor, nn
from torch.nn import functional

from jobs.settings import settings
from jobs.training.recommenders.purchases import Purchases

FEATURES = ("product_type", "department", "manufacturer_id", "brand")  # columns of products


@dataclass(frozen=True)
class Params:
    size: int = 64  # of every vector, 8..512
    half_life_weeks: float = 16.0  # weeks after which an order in the history counts half, above 0
    ahead_weeks: int = 4  # weeks after an origin whose purchases are learnt, 1 or more
    origins: int = 6  # origins, ahead_weeks apart, counted back from the end, 1 or more
    dropout: float = 0.5  # share of a history that is hidden in a step, 0..0.9
    epochs: int = 10  # passes over accounts x origins, 1 or more
    batch: int = 256  # accounts in a step, 1 or more
    learning_rate: float = 0.003  # of Adam, above 0
    weight_decay: float = 1e-5  # of Adam, 0 or more
    seed: int = 0  # of first weights, order and dropout


class Towers(nn.Module):
    """Letters: B accounts of a batch, P products, F features of a product, D size."""

    def __init__(self, features: Tensor, sizes: Sequence[int], params: Params) -> None:
        super().__init__()
        products = features.shape[0]
        self.register_buffer("features", features)  # (P, F)
        self.read = nn.Embedding(products, params.size)
        self.offer = nn.Embedding(products, params.size)
        self.kinds = nn.ModuleList(nn.Embedding(n, params.size) for n in sizes)
        self.account = nn.Linear(params.size, params.size)
        self.bias = nn.Parameter(torch.zeros(products))
        self.memory = nn.Parameter(torch.ones(1))  # how much own history adds
        self.dropout = params.dropout
        for table in (self.read, self.offer, *self.kinds):
            nn.init.normal_(table.weight, std=0.05)

    def of_products(self, table: nn.Embedding) -> Tensor:
        features: Tensor = self.features
        shared = [kind(features[:, f]) for f, kind in enumerate(self.kinds)]  # each (P, D)
        return torch.stack([table.weight, *shared]).sum(0)  # (P, D)

    def forward(self, history: Tensor) -> Tensor:
        """History: (B, P), log(1 + weighted orders). Logits: (B, P)."""
        seen = functional.normalize(functional.dropout(history, self.dropout, self.training))
        account = seen @ self.of_products(self.read)  # (B, P) x (P, D) → (B, D)
        account = account + torch.tanh(self.account(account))
        logits = account @ self.of_products(self.offer).T  # (B, D) x (D, P) → (B, P)
        return logits + self.bias + self.memory * seen * seen.shape[1] ** 0.5


class TwoTower:
    name = "two_tower"
    Params = Params

    def __init__(self, params: Params) -> None:
        self.params = params
        asked = settings().device
        has_cuda = torch.cuda.is_available()
        self.device = asked if asked != "auto" else "cuda" if has_cuda else "cpu"

    def fit(
        self,
        interactions: pd.DataFrame,
        accounts: pd.DataFrame,
        products: pd.DataFrame,
        promotions: pd.DataFrame | None,
        as_of: dt.date,
    ) -> Self:
        torch.manual_seed(self.params.seed)
        self.purchases = Purchases.of(interactions, as_of, self.params.half_life_weeks)
        features, self.sizes = _features(products, self.purchases.products)
        self.towers = Towers(features, self.sizes, self.params).to(self.device)
        history, future = self._examples(interactions, as_of)
        self.curves = {"loss": self._learn(history, future)}
        return self

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
            histories.append(_logged(past.orders)[rows])
            futures.append(next_.orders[next_rows] > 0)
        if not histories:
            # younger than one origin: the history has to explain itself, as in an autoencoder
            whole = self.purchases.orders
            return _logged(whole), (whole > 0).astype(np.float32).tocsr()
        return vstack(histories).tocsr(), vstack(futures).astype(np.float32).tocsr()

    def _learn(self, history: csr_matrix, future: csr_matrix) -> list[float]:
        """Adam on the multinomial likelihood; gives the mean loss of each epoch (nats)."""
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
                truth = functional.normalize(self._dense(future[rows]), p=1.0)  # (B, P)
                logits = self.towers(self._dense(history[rows]))  # (B, P)
                loss = -(truth * logits.log_softmax(1)).sum(1).mean()
                adam.zero_grad()
                loss.backward()
                adam.step()
                total += loss.item() * len(rows)
            losses.append(total / len(order))
        return losses

    def _dense(self, rows: csr_matrix) -> Tensor:
        return torch.from_numpy(rows.toarray().astype(np.float32)).to(self.device)

    def observe(self, interactions: pd.DataFrame, as_of: dt.date) -> Self:
        self.purchases = Purchases.of(
            interactions, as_of, self.params.half_life_weeks, self.purchases.products
        )
        return self

    def recommend(
        self,
        account_ids: Sequence[str],
        k: int,
        candidates: Sequence[str],
        exclude_owned: bool,
        as_of: dt.date,
    ) -> pd.DataFrame:
        self.towers.eval()

        def score(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            with torch.no_grad():
                logits = self.towers(self._dense(_logged(self.purchases.orders[places])))
            scores = logits.cpu().numpy().astype(np.float64)
            return scores, np.ones(scores.shape, bool)

        return self.purchases.best(
            score, "similar_customers", account_ids, k, candidates, exclude_owned
        )

    def save(self, folder: Path) -> None:
        about = {"params": asdict(self.params), "sizes": list(self.sizes)}
        (folder / "model.json").write_text(json.dumps(about))
        self.purchases.save(folder)
        torch.save(self.towers.state_dict(), folder / "weights.pt")

    @classmethod
    def load(cls, folder: Path) -> Self:
        about = json.loads((folder / "model.json").read_text())
        model = cls(Params(**about["params"]))
        model.purchases = Purchases.load(folder)
        weights = torch.load(folder / "weights.pt", map_location=model.device, weights_only=True)
        model.sizes = about["sizes"]
        model.towers = Towers(weights["features"], model.sizes, model.params).to(model.device)
        model.towers.load_state_dict(weights)
        return model


def _features(products: pd.DataFrame, ids: np.ndarray) -> tuple[Tensor, list[int]]:
    """Codes (P, F) of what is known of each product, and how many codes each feature has."""
    about = products.drop_duplicates("product_id").set_index("product_id").reindex(ids)
    codes, sizes = [], []
    for feature in FEATURES:
        found = about[feature] if feature in about else pd.Series("", index=ids)
        numbers, names = pd.factorize(found.astype(str).fillna(""), sort=True)
        codes.append(numbers)
        sizes.append(max(len(names), 1))
    return torch.from_numpy(np.stack(codes, axis=1)), sizes


def _logged(orders: csr_matrix) -> csr_matrix:
    found = orders.astype(np.float32)
    found.data = np.log1p(found.data)
    return found
