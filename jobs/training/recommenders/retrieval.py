"""What two_tower and sequence share: an account's vector meets products', and its own history.

Two kinds of products, each learnt as it wants to be: what the account does not own by a softmax
over sampled products, corrected for how likely each is sampled (Yi et al., Sampling-Bias-Corrected
Neural Modeling for Large Corpus Item Recommendations, RecSys 2019); what it owns by the odds that
it is bought again, which needs no sample. A model file adds how an account becomes a vector.
"""

import datetime as dt
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from optuna.distributions import FloatDistribution, IntDistribution
from scipy.sparse import csr_matrix
from torch import Tensor, nn
from torch.nn import functional

from jobs.training.device import device, threads
from jobs.training.learning import Batch, Plan, learn
from jobs.training.recommenders.events import HALF_LIVES, Events, Past
from jobs.training.recommenders.lessons import BLOCK, Lessons, Origins, coded, inside
from jobs.training.recommenders.recommender import ProductRecommender, everywhere

# columns that describe, where the company has them
OF_PRODUCTS = ("product_type", "product_category", "department", "manufacturer_id", "brand")
OF_ACCOUNTS = ("age_band", "income_band", "household_size", "kids_count", "home_ownership")
NOBODY = np.empty(0, "U1")
MEMORY = 16  # width of the network that tells whether a product is bought again
NEVER = -1e9  # a logit of what must not be chosen
# what a log odds of a product not owned is lowered by: scores that find the right ones promise too
# much; chosen on weeks 41 to 44, where 2 to 9 are alike and 0 costs .01 of ndcg@10
BEHIND = 3.0


@dataclass(frozen=True)
class Params:
    size: int = 64  # of every vector, 8..512
    half_life_weeks: float = 16.0  # of the purchases that ties go by, above 0
    ahead_weeks: int = 4  # weeks after an origin whose purchases are learnt, 1 or more
    origins: int = 8  # origins, ahead_weeks apart, counted back from the end, 1 or more
    hidden: float = 0.25  # share of what is owned that is hidden, and to be found, 0..0.9
    found: int = 4096  # hidden ones that a step asks for at most, 1 or more
    others: int = 1024  # products drawn evenly in a step, beside those bought in it, 0 or more
    unnamed: float = 0.1  # share of products known in a step by their features alone, 0..0.9
    epochs: int = 4  # passes over accounts x origins, 1 or more
    batch: int = 256  # accounts in a step, 1 or more
    learning_rate: float = 0.003  # of Adam, above 0
    weight_decay: float = 0.0  # of Adam, 0 or more
    seed: int = 0  # of first weights, order, samples and what is hidden
    # on a CPU, 1 or more; the sums' last digits depend on it, and on a busy machine threads that
    # wait for each other are many times slower than one
    threads: int = 1


SPACE = {
    "size": IntDistribution(16, 128, log=True),
    "origins": IntDistribution(2, 10),
    "hidden": FloatDistribution(0.0, 0.8),
    "unnamed": FloatDistribution(0.0, 0.5),
    "epochs": IntDistribution(2, 12, log=True),
    "learning_rate": FloatDistribution(0.0005, 0.02, log=True),
    "weight_decay": FloatDistribution(0.0, 0.01),
}


class Towers(nn.Module):
    """Letters: B accounts, N pairs of account and product that it owns, U products among them,
    M products sampled, P products, F features, V views of a history, D size."""

    def __init__(
        self, codes: np.ndarray, base: np.ndarray, names: int, people: int, params: Any
    ) -> None:
        super().__init__()
        self.params = params
        self.codes: Tensor
        self.base: Tensor
        self.register_buffer("codes", torch.from_numpy(codes))  # (P, 1 + F): own first, 0: none
        self.register_buffer("base", torch.from_numpy(base))  # (P,) log of new buyers per account
        size = params.size
        self.to_buy, self.bought = _table(names, size, 0.02), _table(names, size, 0.02)
        self.bias, self.loyalty = _table(names, 1, 0.0), _table(names, 1, 0.0)
        self.people = _table(people, size, 0.0)
        self.memory = nn.Linear(len(HALF_LIVES) + 1, 1)
        self.more = nn.Sequential(
            nn.Linear(len(HALF_LIVES) + 4, MEMORY),
            nn.GELU(),
            nn.Linear(MEMORY, MEMORY),
            nn.GELU(),
            nn.Linear(MEMORY, 1),
        )
        nn.init.zeros_(self.memory.weight)
        nn.init.zeros_(self.memory.bias)
        with torch.no_grad():
            self.memory.weight[0, 0] = 2.0 / 30
        for start in self.more[-1].parameters():
            nn.init.zeros_(start)
        self.affinity = nn.Parameter(torch.zeros(()))  # how much vectors tell of what is owned

    @staticmethod
    def sees(past: Past, accounts: int) -> dict[str, np.ndarray]:
        """More of B accounts' past than the pairs; nothing where a model does without."""
        return {}

    @abstractmethod
    def account(self, batch: Batch, bought: Tensor) -> Tensor:
        """Vectors (B, D) of accounts, given those (U, D) of the products that they own."""

    def features(self, products: Tensor) -> Tensor:
        """Codes (U, 1 + F); in training some products do without their own."""
        codes = self.codes[products]
        if self.training:
            own = torch.rand(len(codes), device=codes.device) >= self.params.unnamed
            codes = torch.cat([codes[:, :1] * own[:, None], codes[:, 1:]], dim=1)
        return codes

    def of_products(self, products: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors (M, D) and biases (M,)."""
        codes = self.features(products)
        return self.to_buy(codes), self.base[products] + self.bias(codes)[:, 0]

    def of_accounts(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Vectors (B, D), and the log odds (N,) that what is owned is bought again."""
        codes = self.features(batch["products"])
        vectors = self.account(batch, self.bought(codes)) + self.people(batch["people"])
        near = vectors.detach()[batch["rows"]] * self.to_buy(codes).detach()[batch["at"]]  # (N, D)
        return vectors, self.again(batch, codes) + self.affinity * near.sum(dim=1)

    def again(self, batch: Batch, codes: Tensor) -> Tensor:
        at, rows, weights = batch["at"], batch["rows"], batch["weights"]
        base = (self.base[batch["products"]] + self.bias(codes)[:, 0]).detach()[at]  # (N,)
        loyalty = 10 * self.loyalty(codes)[:, 0][at]  # (N,)
        views = torch.log1p(weights)  # (N, V)
        basis = torch.cat([views, base[:, None]], dim=1)
        sums = torch.zeros(len(batch["starts"]), device=weights.device)
        sums = sums.index_add(0, rows, weights[:, 0]).clamp_min(1e-6).log()  # (B,)
        more = torch.stack(
            [base / 3, loyalty, weights[:, 0].clamp_max(20) / 5, sums[rows] / 3], dim=1
        )
        odds = 30 * self.memory(basis)[:, 0] + base + loyalty * views[:, 0]
        return odds + self.more(torch.cat([views, more], dim=1))[:, 0]

    def forward(self, batch: Batch) -> Tensor:
        """The loss: nats per product that was found, bought new, or owned, each on average."""
        vectors, odds = self.of_accounts(batch)
        products, bias = self.of_products(batch["pool"])
        # (B, D) x (D, M) → (B, M); less how likely each is among the sampled ones
        logits = torch.addmm(bias, vectors, products.T).float() - batch["chance"]
        never = torch.full((), NEVER, device=logits.device)
        wrong = logits.index_put((batch["not_rows"], batch["not"]), never)
        rest = torch.logsumexp(wrong, dim=1)[batch["right_rows"]]  # (W,) what was not bought
        right = logits[batch["right_rows"], batch["right"]]  # (W,) bought new, then hidden
        missed = (functional.softplus(rest - right) * batch["worth"]).sum()
        again = functional.binary_cross_entropy_with_logits(odds.float(), batch["again"])
        return missed + again * batch["ends"]


def _table(names: int, size: int, spread: float) -> nn.EmbeddingBag:
    """Sums of the vectors of a row's codes; code 0 is none."""
    table = nn.EmbeddingBag(names, size, mode="sum", padding_idx=0)
    with torch.no_grad():
        table.weight.normal_(std=spread) if spread else table.weight.zero_()
        table.weight[0] = 0
    return table


class Retrieval(ProductRecommender):
    """Letters: accounts A, products P, features F, size D."""

    reason: ClassVar[str] = "similar_customers"
    Network: ClassVar[type[Towers]]

    def __init__(self, params: Any) -> None:
        super().__init__(params)
        self.device = device()

    def universe(self, products: pd.DataFrame) -> np.ndarray | None:
        return np.unique(products["product_id"].to_numpy(str)) if len(products) else None

    def fit(
        self,
        interactions: pd.DataFrame,
        accounts: pd.DataFrame,
        products: pd.DataFrame,
        promotions: pd.DataFrame | None,
        as_of: dt.date,
    ) -> Self:
        self.known = np.unique(accounts["account_id"].to_numpy(str)) if len(accounts) else NOBODY
        codes, self.people = coded(accounts, "account_id", self.known, OF_ACCOUNTS)
        self.of_known = codes  # (A, F)
        return super().fit(interactions, accounts, products, promotions, as_of)

    def learn(self, interactions: pd.DataFrame, products: pd.DataFrame, as_of: dt.date) -> None:
        p, ids = self.params, self.purchases.products
        events = Events.of(interactions, as_of, ids)
        examples = Lessons.of(events, self._codes_of(events.accounts), self.Network.sees, p)
        features, names = coded(products, "product_id", ids, OF_PRODUCTS)
        own = np.zeros(len(ids), np.int64)  # what nobody bought is known by its features alone
        own[examples.sold] = np.arange(len(examples.sold)) + names
        codes, names = np.column_stack([own, features]), names + len(examples.sold)
        torch.manual_seed(p.seed)
        self.towers = self.Network(codes, examples.base, names, self.people, p).to(self.device)
        plan = Plan(p.epochs, p.batch, p.learning_rate, p.weight_decay, p.seed, p.threads)
        self.curves = {"loss": learn(self.towers, examples, plan, self.device)}

    def _codes_of(self, accounts: np.ndarray) -> np.ndarray:
        """Codes (A, F) of what is known of each account; of one that is not, none."""
        none = np.zeros((1, self.of_known.shape[1]), np.int64)
        return np.vstack([self.of_known, none])[inside(accounts, self.known)]

    def look(self, interactions: pd.DataFrame, as_of: dt.date) -> None:
        events = Events.of(interactions, as_of, self.purchases.products)
        now = Origins.now(events, self._codes_of(events.accounts), self.Network.sees, self.params)
        vectors, odds, pairs = [], [], []
        self.towers.eval()
        with torch.no_grad(), threads(self.params.threads):
            for rows in np.array_split(np.arange(len(now)), len(now) // BLOCK + 1):
                past, batch = now.seen(rows)
                found = self.towers.of_accounts({n: t.to(self.device) for n, t in batch.items()})
                vectors.append(found[0].float().cpu().numpy())
                odds.append(found[1].float().cpu().numpy())
                pairs.append((past.rows + rows[0] if len(rows) else past.rows, past.products))
            everything = torch.arange(len(self.purchases.products), device=self.device)
            products, bias = self.towers.of_products(everything)
        self.of_accounts = np.concatenate(vectors)  # (A, D)
        self.of_products = products.cpu().numpy()  # (P, D)
        self.bias = bias.cpu().numpy() - BEHIND  # (P,)
        where = tuple(np.concatenate(part) for part in zip(*pairs, strict=True))
        shape = (len(self.of_accounts), len(self.of_products))
        self.odds = csr_matrix((np.concatenate(odds), where), shape=shape)  # (A, P) of the owned

    def score(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = self.of_accounts[places] @ self.of_products.T + self.bias  # (B, D) → (B, P)
        owned = self.odds[places]
        scores[np.repeat(np.arange(len(places)), np.diff(owned.indptr)), owned.indices] = owned.data
        return everywhere(scores)

    def keep(self) -> dict[str, Any]:
        return {
            "known": self.known,
            "of_known": self.of_known,
            "of_accounts": self.of_accounts,
            "of_products": self.of_products,
            "all_bias": self.bias,
            "odds": self.odds,
        } | {f"w_{n}".replace(".", "-"): w.cpu().numpy() for n, w in self._weights()}

    def _weights(self) -> list[tuple[str, Tensor]]:
        return list(self.towers.state_dict().items())

    def restore(self, kept: Mapping[str, Any]) -> None:
        self.known, self.of_known = kept["known"], kept["of_known"]
        self.of_accounts, self.of_products = kept["of_accounts"], kept["of_products"]
        self.bias, self.odds = kept["all_bias"], kept["odds"]
        names, people = len(kept["w_to_buy-weight"]), len(kept["w_people-weight"])
        self.towers = self.Network(kept["w_codes"], kept["w_base"], names, people, self.params)
        self.towers.to(self.device)
        for name, weight in self._weights():
            weight.copy_(torch.from_numpy(kept[f"w_{name}".replace(".", "-")]))
