"""content: products described like those that the account buys, the newest ones too.

Pazzani and Billsus, Content-Based Recommendation Systems (2007): products are rows of TF-IDF over
the words of their description, an account is the sum of its products', and nearness is the cosine.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from optuna.distributions import CategoricalDistribution
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from jobs.training.recommenders.purchases import logged
from jobs.training.recommenders.recommender import ProductRecommender, where_above_zero

IDS = ("product_id", "known_date", "superseded_date")  # columns of products that describe nothing


@dataclass(frozen=True)
class Params:
    # weeks after which an order counts half, above 0; null: every order counts 1
    half_life_weeks: float | None = 16.0


SPACE = {"half_life_weeks": CategoricalDistribution((None, 32.0, 16.0, 8.0, 4.0))}


class Content(ProductRecommender):
    """Letters: accounts A, products P, words T."""

    name: ClassVar[str] = "content"
    Params: ClassVar[type] = Params
    reason: ClassVar[str] = "like_bought"

    def universe(self, products: pd.DataFrame) -> np.ndarray:
        return np.unique(products["product_id"].to_numpy(str))

    def learn(self, interactions: pd.DataFrame, products: pd.DataFrame, as_of: dt.date) -> None:
        texts = described(products, self.purchases.products)
        # where nothing is known of any product, none is like another
        self.words = csr_matrix((len(texts), 1), dtype=np.float32)  # (P, T), rows of length 1
        if any(texts):
            # a word is a column's whole value: what it is called in another column is another word
            words = TfidfVectorizer(analyzer=list, dtype=np.float32)
            self.words = words.fit_transform(texts).tocsr()

    def score(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        liked = normalize(logged(self.purchases.orders[places]) @ self.words)  # (B, T)
        # few words are told of a product and many are liked: the second, dense, is the faster way
        return where_above_zero((self.words @ liked.toarray().T).T)  # (B, P)

    def keep(self) -> dict[str, Any]:
        return {"words": self.words}

    def restore(self, kept: Mapping[str, Any]) -> None:
        self.words = kept["words"]


def described(products: pd.DataFrame, ids: np.ndarray) -> list[list[str]]:
    """Words of each product: the value of every column that has one."""
    about = products.drop_duplicates("product_id", keep="last").set_index("product_id")
    about = about.reindex(ids)
    columns = [c for c in about.columns if c not in IDS and about[c].dtype.name != "float64"]
    if not columns:
        return [[] for _ in ids]
    given = [about[c].astype(object).where(about[c].notna(), None).tolist() for c in columns]
    return [
        [f"{column}={value}" for column, value in zip(columns, row, strict=True) if value]
        for row in zip(*given, strict=True)
    ]
