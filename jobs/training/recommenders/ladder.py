"""ladder: who answers where the champion has too little to go by.

An account with a history longer than FEW baskets is the champion's. With fewer, its neighbours
speak for it; without any, what its segment buys of late; of no segment, what all buy. Products too
rare for the catalogue, which no model learns, come in by what is written about them.

SEGMENT, POPULAR_DAYS, SMOOTHING and the model of few baskets were chosen on weeks 41 to 44 of the
panel (`infra.bench.cold --choose`, 2026-11-26); FEW, RARE_DAYS and COMMON are guesses.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from jobs.training.recommenders import next_basket
from jobs.training.recommenders.content import described
from jobs.training.recommenders.purchases import BATCH, Purchases, as_rows, highest, logged

FEW = 3  # baskets up to which neighbours know more than the account; a basket: what a day brought
OF_FEW = next_basket.Params(own_share=0.1)  # against .6 where the history is long
SEGMENT = "home_ownership"  # column of accounts
POPULAR_DAYS = 28  # whose buyers make what is popular
RARE_DAYS = 56  # in which a rare product was bought by someone, or came onto the list
SMOOTHING = 300.0  # accounts of the average kind that are added to a segment
COMMON = 0.05  # share of products from which on a word tells nothing of one

CHAMPION, FEW_BASKETS, IN_SEGMENT, ALL, RARE = RUNGS = (
    "champion",
    "few_baskets",
    "segment",
    "all",
    "rare_products",
)
REASON = {
    FEW_BASKETS: "few_baskets",
    IN_SEGMENT: "popular_in_segment",
    ALL: "popular_now",
    RARE: "rare_like_bought",
}
OWN = "bought_often"  # of a rare product that the account itself buys
COLUMNS = ["account_id", "rank", "product_id", "score", "reason_code", "rung"]


@dataclass(frozen=True)
class Popularity:
    """Share of accounts that bought a product of late: of all, and of each segment.

    A segment's is (its buyers + smoothing x share of all) / (its accounts + smoothing).
    """

    products: np.ndarray  # (P,) ids, sorted
    of_all: np.ndarray  # (P,)
    of_segment: dict[str, np.ndarray]  # segment → (P,)
    segment: pd.Series  # account → its segment; null: not known

    @classmethod
    def of(
        cls,
        interactions: pd.DataFrame,
        accounts: pd.DataFrame,
        as_of: dt.date,
        by: str,
        days: int,
        smoothing: float,
    ) -> Self:
        """From interactions up to as_of; accounts without a column `by` have no segment.

        Args:
            days: what was bought in so many counts.
            smoothing: accounts of the average kind that are added to a segment.
        """
        told = accounts.drop_duplicates("account_id").set_index("account_id")
        told.index = told.index.astype(str)
        segment = told[by].astype(object) if by in told else pd.Series(None, told.index, object)
        bought = Purchases.of(interactions, as_of)
        since = pd.Timestamp(as_of - dt.timedelta(days=days))
        late = interactions[interactions["business_date"] > since]
        recent = Purchases.of(late, as_of, products=bought.products)
        buyers = (recent.orders > 0).astype(np.float64).tocsr()  # (A, P)
        count = max(len(bought.accounts), 1)
        # of two that nobody bought of late, the one that more bought before comes first
        before = np.asarray((bought.orders > 0).sum(axis=0)).ravel() / count
        of_all = np.asarray(buyers.sum(axis=0)).ravel() / count + before * 1e-6
        mine = segment.reindex(recent.accounts).to_numpy()
        sizes = segment.reindex(bought.accounts).value_counts()
        found = {}
        for name, size in sizes.items():
            of_it = np.asarray(buyers[np.flatnonzero(mine == name)].sum(axis=0)).ravel()
            found[str(name)] = (of_it + smoothing * of_all) / (size + smoothing)
        return cls(bought.products, of_all, found, segment)

    def best(
        self, account_ids: np.ndarray, k: int, candidates: np.ndarray
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Lists of those whose segment is known, and of the rest."""
        names = self.segment.reindex(account_ids).to_numpy()
        known = np.array([name in self.of_segment for name in names], bool)
        parts = []
        for name in sorted(set(names[known])):
            ids = account_ids[known & (names == name)]
            parts.append(self._same(ids, self.of_segment[name], k, candidates, IN_SEGMENT))
        rest = self._same(account_ids[~known], self.of_all, k, candidates, ALL)
        return pd.concat(parts, ignore_index=True) if parts else rest.head(0), rest

    def _same(
        self, ids: np.ndarray, share: np.ndarray, k: int, candidates: np.ndarray, rung: str
    ) -> pd.DataFrame:
        """One list for all these accounts."""
        allowed = np.flatnonzero(np.isin(self.products, candidates))
        best = allowed[np.argsort(-share[allowed], kind="stable")[:k]]
        return pd.DataFrame(
            {
                "account_id": np.repeat(ids, len(best)),
                "rank": np.tile(np.arange(1, len(best) + 1, dtype=np.int32), len(ids)),
                "product_id": np.tile(self.products[best], len(ids)),
                "score": np.tile(share[best], len(ids)),
                "reason_code": REASON[rung],
                "rung": rung,
            },
            columns=COLUMNS,
        )


@dataclass(frozen=True)
class Rare:
    """Products outside the catalogue that someone bought of late, or that are new on the list.

    An account's own orders of one come first; then cosine of its words and the account's, times
    1 + accounts that bought it of late: words alone lose against what sells.

    Letters: accounts A, rare products R, words T.
    """

    accounts: np.ndarray  # (A,) ids, sorted
    products: np.ndarray  # (R,) ids, sorted
    orders: csr_matrix  # (A, R) the account's own
    liked: csr_matrix  # (A, T) rows of length 1
    words: csr_matrix  # (R, T) rows of length 1
    buyers: np.ndarray  # (R,) of late

    @classmethod
    def of(
        cls,
        interactions: pd.DataFrame,
        products: pd.DataFrame,
        catalogue: np.ndarray,
        as_of: dt.date,
    ) -> Self:
        """From all interactions up to as_of, and the list as it was known then."""
        ids = np.unique(products["product_id"].to_numpy(str))
        bought = Purchases.of(interactions, as_of, OF_FEW.half_life_weeks, ids)
        since = pd.Timestamp(as_of - dt.timedelta(days=RARE_DAYS))
        late = interactions[interactions["business_date"] > since]
        recent = Purchases.of(late, as_of, products=ids)
        buyers = np.asarray((recent.orders > 0).sum(axis=0)).ravel()
        listed = products.loc[products["known_date"] > since, "product_id"].to_numpy(str)
        is_rare = ((buyers > 0) | np.isin(ids, listed)) & ~np.isin(ids, catalogue)
        words = telling(described(products, ids))
        rare = np.flatnonzero(is_rare)
        return cls(
            bought.accounts,
            ids[rare],
            bought.orders[:, rare].tocsr(),
            normalize(logged(bought.orders) @ words),
            words[rare],
            buyers[rare],
        )

    def best(self, account_ids: np.ndarray, k: int, exclude_owned: bool) -> pd.DataFrame:
        """Rows of accounts that bought something; none where nothing is like it."""
        wanted = account_ids[np.isin(account_ids, self.accounts)]
        parts = []
        for ids in np.array_split(wanted, len(wanted) // BATCH + 1):
            places = np.searchsorted(self.accounts, ids)
            own = self.orders[places].toarray()  # (B, R)
            scores = (self.liked[places] @ self.words.T).toarray() * (1.0 + self.buyers)
            scores = np.where(scores > 0, scores / (1 + scores), -np.inf)  # below any own order
            scores = np.where(own > 0, -np.inf if exclude_owned else 1 + own, scores)
            order, ranked = highest(scores, k)
            reasons = np.where(ranked > 1, OWN, REASON[RARE])
            parts.append(as_rows(ids, self.products[order], ranked, reasons))
        return pd.concat(parts, ignore_index=True).assign(rung=RARE)


def telling(texts: Sequence[Sequence[str]]) -> csr_matrix:
    """TF-IDF of the words that few enough products share; rows of length 1, or 0. (P, T)"""
    if not any(texts):
        return csr_matrix((len(texts), 1), dtype=np.float32)
    words = TfidfVectorizer(analyzer=list, norm=None, dtype=np.float32).fit_transform(texts).tocsc()
    products = np.diff(words.indptr)
    words.data[np.repeat(products > COMMON * len(texts), products)] = 0
    found: csr_matrix = normalize(words.tocsr())
    found.eliminate_zeros()
    return found


class Ladder:
    """A champion that has observed, and the rungs below it."""

    def __init__(self, champion: Any) -> None:
        self.champion = champion

    def fit(
        self,
        interactions: pd.DataFrame,
        accounts: pd.DataFrame,
        products: pd.DataFrame,
        catalogue: np.ndarray,
        as_of: dt.date,
    ) -> Self:
        """Take all interactions up to as_of, and products as they were listed then."""
        self.bought = interactions[interactions["product_id"].isin(catalogue)]
        days = self.bought[["account_id", "business_date"]].drop_duplicates()["account_id"]
        self.baskets = days.astype(str).value_counts()
        self.popularity = Popularity.of(
            self.bought, accounts, as_of, SEGMENT, POPULAR_DAYS, SMOOTHING
        )
        self.rare_products = Rare.of(interactions, products, catalogue, as_of)
        return self

    def recommend(
        self,
        account_ids: np.ndarray,
        k: int,
        candidates: np.ndarray,
        exclude_owned: bool,
        as_of: dt.date,
    ) -> pd.DataFrame:
        """Rows as a recommender gives them, with the rung; rung by rung, the champion's first.

        A rung's scores lie below those of the rungs before it.
        """
        baskets = self.baskets.reindex(account_ids).fillna(0).to_numpy()
        rich = account_ids[baskets > FEW]
        few = account_ids[(baskets > 0) & (baskets <= FEW)]
        asked = (k, candidates, exclude_owned, as_of)
        parts: list[pd.DataFrame] = [self.champion.recommend(rich, *asked).assign(rung=CHAMPION)]
        if len(few):
            parts.append(self.of_few(few, *asked))
        parts += self.popularity.best(account_ids[baskets == 0], k, candidates)
        return stacked(parts)

    def of_few(
        self,
        account_ids: np.ndarray,
        k: int,
        candidates: np.ndarray,
        exclude_owned: bool,
        as_of: dt.date,
    ) -> pd.DataFrame:
        """Accounts with few baskets: what their neighbours buy, a little of what they bought."""
        theirs = next_basket.NextBasket(OF_FEW)
        theirs.fit(self.bought, pd.DataFrame(), pd.DataFrame(), None, as_of)
        found = theirs.recommend(list(account_ids), k, list(candidates), exclude_owned, as_of)
        return found.assign(rung=FEW_BASKETS, reason_code=REASON[FEW_BASKETS])

    def rare(self, account_ids: np.ndarray, k: int, exclude_owned: bool) -> pd.DataFrame:
        """Rare products for accounts that bought something, scored on a scale of their own."""
        return self.rare_products.best(account_ids, k, exclude_owned)


def stacked(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Each part's scores moved below those of the parts before it, their order kept."""
    found: list[pd.DataFrame] = []
    floor = np.inf
    for part in parts:
        if part.empty:
            continue
        low, high = part["score"].min(), part["score"].max()
        if np.isfinite(floor):
            within = (part["score"] - low) / max(high - low, 1e-12)  # 0 .. 1
            part = part.assign(score=floor - 2 + within)
        floor = min(floor, float(part["score"].min()))
        found.append(part)
    return pd.concat(found, ignore_index=True) if found else parts[0]
