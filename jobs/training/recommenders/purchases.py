"""Who bought what as a sparse matrix, and the best products of a matrix of scores as rows."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

BATCH = 128  # accounts scored at once: 128 x 8,924 doubles are 9 MB
RECENT_DAYS = 56  # the window of the popularity that breaks ties and serves unknown accounts
TIE = 1e-6  # places by popularity lie closer together than any real difference of scores
FILLED = "popular_now"  # reason of what is not personal

# (rows of accounts (B,)) → scores of all products (B, P) and where they are personal (B, P)
Scorer = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Purchases:
    """Accounts (A) x products (P): orders with the product, weighted by age if so built."""

    accounts: np.ndarray  # (A,) ids, sorted
    products: np.ndarray  # (P,) ids, sorted
    orders: csr_matrix  # (A, P)
    popularity: np.ndarray  # (P,) orders in the recent window

    @classmethod
    def of(
        cls,
        interactions: pd.DataFrame,
        as_of: dt.date,
        half_life_weeks: float | None = None,
        products: np.ndarray | None = None,
    ) -> Self:
        """Sum the interactions up to as_of; an order's weight halves every `half_life_weeks`.

        Args:
            products: keep to these, in this order; null: all that occur.
        """
        if products is not None:
            interactions = interactions[interactions["product_id"].isin(products)]
        accounts, rows = indexed(interactions["account_id"])
        found, columns = indexed(interactions["product_id"])
        if products is not None:
            columns = np.searchsorted(products, found)[columns]
            found = products
        age_days = (pd.Timestamp(as_of) - interactions["business_date"]).dt.days.to_numpy()
        orders = interactions["orders"].to_numpy(np.float64)
        weights = (
            orders if half_life_weeks is None else orders * 0.5 ** (age_days / 7 / half_life_weeks)
        )
        matrix = csr_matrix((weights, (rows, columns)), shape=(len(accounts), len(found)))
        recent = age_days < RECENT_DAYS
        popularity = np.bincount(columns[recent], orders[recent], minlength=len(found))
        return cls(accounts, found, matrix, popularity)

    def save(self, folder: Path) -> None:
        np.savez_compressed(
            folder / "purchases.npz",
            accounts=self.accounts,
            products=self.products,
            popularity=self.popularity,
            data=self.orders.data,
            indices=self.orders.indices,
            indptr=self.orders.indptr,
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        with np.load(folder / "purchases.npz", allow_pickle=False) as kept:
            shape = (len(kept["accounts"]), len(kept["products"]))
            orders = csr_matrix((kept["data"], kept["indices"], kept["indptr"]), shape=shape)
            return cls(kept["accounts"], kept["products"], orders, kept["popularity"])

    def best(
        self,
        score: Scorer,
        reason: str,
        account_ids: Sequence[str],
        k: int,
        candidates: Sequence[str],
        exclude_owned: bool,
    ) -> pd.DataFrame:
        """The k best candidates per account; what is not personal is filled by popularity.

        Rows (account_id, rank, product_id, score, reason_code) in the order of account_ids. Scores
        of all accounts have one scale: what fills lies below everything personal.
        """
        wanted = np.asarray(account_ids, dtype=str)
        allowed = np.isin(self.products, np.asarray(candidates, dtype=str))
        places = np.searchsorted(self.accounts, wanted)
        places[places == len(self.accounts)] = 0
        known = (
            self.accounts[places] == wanted if len(self.accounts) else np.zeros(len(wanted), bool)
        )
        # ties, and accounts that were never seen, go by popularity: below any real difference,
        # and each product has its own place, so that the order never depends on the sort
        by_popularity = np.argsort(np.argsort(self.popularity, kind="stable"), kind="stable")
        columns = np.flatnonzero(allowed)  # (C,) of the P products
        fill = TIE * by_popularity[columns] / max(len(self.products), 1)
        parts = [
            self._best_of(
                score, reason, wanted[at], places[at], known[at], k, columns, fill, exclude_owned
            )
            for at in np.array_split(np.arange(len(wanted)), len(wanted) // BATCH + 1)
        ]
        return _filled_below(pd.concat(parts, ignore_index=True))

    def _best_of(
        self,
        score: Scorer,
        reason: str,
        ids: np.ndarray,
        places: np.ndarray,
        known: np.ndarray,
        k: int,
        columns: np.ndarray,
        fill: np.ndarray,
        exclude_owned: bool,
    ) -> pd.DataFrame:
        scores = np.tile(fill, (len(ids), 1))  # (B, C)
        personal, owned = np.zeros((2, *scores.shape), bool)
        if known.any():
            # a slice where all are known: picking rows copies them, 50 MB at 50,000 products
            rows = slice(None) if known.all() else np.flatnonzero(known)
            found, at = score(places[known])
            if len(columns) < found.shape[1]:
                found, at = found[:, columns], at[:, columns]
            scores[rows] += found
            personal[rows] = at
            theirs = self.orders[places[known]][:, columns]
            of = np.repeat(np.flatnonzero(known), np.diff(theirs.indptr))
            owned[of, theirs.indices] = theirs.data > 0
        # below 0: an order of years ago may weigh less than a tie
        np.subtract(scores, TIE, out=scores, where=~personal)
        if exclude_owned:
            np.putmask(scores, owned, -np.inf)
        order, ranked = highest(scores, k)
        owned, personal = (np.take_along_axis(at, order, axis=1) for at in (owned, personal))
        reasons = np.where(owned, "bought_often", reason)
        reasons = np.where(personal, reasons, FILLED)
        return as_rows(ids, self.products[columns[order]], ranked, reasons)


def highest(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Places and values of the k highest of each row, the highest first. (B, P) → (B, k) twice."""
    k = min(k, scores.shape[1])
    if not k:
        return np.empty((len(scores), 0), np.int64), np.empty((len(scores), 0))
    order = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, scores.shape[1] - k :]
    ranked = np.take_along_axis(scores, order, axis=1)
    best_first = np.argsort(-ranked, axis=1)
    return (
        np.take_along_axis(order, best_first, axis=1),
        np.take_along_axis(ranked, best_first, axis=1),
    )


def as_rows(
    ids: np.ndarray, products: np.ndarray, scores: np.ndarray, reasons: np.ndarray
) -> pd.DataFrame:
    """Lists of accounts (B,) as rows; what has no finite score is left out. All others (B, k)."""
    k = products.shape[1]
    rows = pd.DataFrame(
        {
            "account_id": np.repeat(ids, k),
            "rank": np.tile(np.arange(1, k + 1, dtype=np.int32), len(ids)),
            "product_id": products.ravel(),
            "score": scores.ravel(),
            "reason_code": reasons.ravel(),
        }
    )
    return rows[np.isfinite(rows["score"])]


def _filled_below(rows: pd.DataFrame) -> pd.DataFrame:
    """Move what fills below the lowest personal score: a model's may be negative, as logits are.

    Otherwise a customer whom no model knows would stand above those it knows.
    """
    fills = rows["reason_code"] == FILLED
    lowest = rows.loc[~fills, "score"].min()
    if lowest < 0:
        rows.loc[fills, "score"] += lowest
    return rows


def catalogue(interactions: pd.DataFrame, buyers: int) -> np.ndarray:
    """Product ids bought by at least so many accounts, sorted."""
    pairs = interactions[["account_id", "product_id"]].drop_duplicates()
    found = pairs["product_id"].value_counts()
    return np.sort(found[found >= buyers].index.to_numpy(dtype=str))


def indexed(ids: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Sorted distinct ids, and each row's place among them."""
    found = ids.astype("category").cat.remove_unused_categories()
    found = found.cat.reorder_categories(sorted(found.cat.categories))
    return found.cat.categories.to_numpy(dtype=str), found.cat.codes.to_numpy(np.int64)


def logged(orders: csr_matrix) -> csr_matrix:
    """log(1 + orders), in single precision: the tenth order tells less than the second."""
    found = orders.astype(np.float32)
    found.data = np.log1p(found.data)
    return found
