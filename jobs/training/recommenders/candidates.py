"""What the first stage proposes on a day, and how high its models score it.

Every model is fitted on purchases known by that day, and on nothing else: a score that had seen the
weeks after it would tell the second stage what it is asked for. Kept per day, so that a week adds
one day only; what is kept says what its models have seen, and a day is refused that saw too much.
"""

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.training.recommenders import als, ease, next_basket
from jobs.training.recommenders.purchases import highest
from jobs.training.recommenders.recommender import ProductRecommender
from jobs.training.recommenders.signals import Signals
from jobs.training.written import used, whole

logger = logging.getLogger(__name__)

HERE = Path(__file__).parent
# files that decide what is proposed
CODE = (
    *("als", "candidates", "ease", "neighbours", "next_basket", "purchases", "recommender"),
    "signals",
)
BLOCK = 256  # accounts scored at once
DEPTH = 80  # products per account and model that the account has not bought

NOBODY = pd.DataFrame({"account_id": []})  # what accounts are is asked by none of the models

FACTORS = 48  # of als: fewer than it has by itself, its lists are candidates only

# name of the score → the model that gives it
MODELS: Mapping[str, tuple[type[ProductRecommender], Any]] = {
    "als": (als.Als, als.Params(factors=FACTORS)),
    "als_lately": (als.Als, als.Params(factors=FACTORS, half_life_weeks=8.0)),
    "ease": (ease.Ease, ease.Params(regularization=300.0)),
    "ease_binary": (ease.Ease, ease.Params(regularization=1000.0, counts="binary")),
    "neighbours": (next_basket.NextBasket, next_basket.Params(own_share=0.0)),
    "neighbours_lately": (
        next_basket.NextBasket,
        next_basket.Params(own_share=0.0, half_life_weeks=4.0),
    ),
}
POPULAR = ("buyers_within_4", "buyers_within_1", "first_within_4")  # of Signals.of_product


class SawLabels(ValueError):
    """A score was fitted on purchases of the weeks that it is to foretell."""


@dataclass(frozen=True)
class Candidates:
    """Pairs of an account and a product, sorted, with every model's score. N pairs, M models."""

    as_of: dt.date
    account: np.ndarray  # (N,) places among the day's accounts
    product: np.ndarray  # (N,) places among the day's catalogue
    scores: Mapping[str, np.ndarray]  # name → (N,)
    seen: Mapping[str, dt.date]  # name → newest purchase that the model was fitted on

    def checked(self) -> "Candidates":
        """Itself.

        Raises:
            SawLabels: a score knows more than was known on the day.
        """
        for name, date in self.seen.items():
            if date > self.as_of:
                raise SawLabels(
                    f"score {name!r} of {self.as_of} was fitted on purchases up to {date}: it has"
                    " seen what the ranker is to foretell; fit it on purchases up to its day"
                )
        if unsaid := sorted(set(self.scores) - set(self.seen)):
            raise SawLabels(
                f"scores {unsaid} of {self.as_of} do not say which purchases they were fitted on"
            )
        return self


def propose(
    signals: Signals, interactions: pd.DataFrame, products: pd.DataFrame, as_of: dt.date
) -> Candidates:
    """Fit the models and take what the account owns, each one's best, and what is popular."""
    size, keys = len(signals.lines.products), signals.own.keys
    fitted = {
        name: kind(params).fit(interactions, NOBODY, products, None, as_of)
        for name, (kind, params) in MODELS.items()
    }
    newest = interactions["business_date"].max().date()
    popular = np.zeros(size, bool)
    for name in POPULAR:
        popular[np.argsort(-signals.of_product[name], kind="stable")[:DEPTH]] = True
    parts = []
    accounts = np.arange(len(signals.lines.accounts))
    for block in np.array_split(accounts, len(accounts) // BLOCK + 1):
        scores = {name: model.score(block)[0] for name, model in fitted.items()}  # (B, P)
        owned = np.zeros((len(block), size), bool)
        first, last = np.searchsorted(keys, [block[0] * size, (block[-1] + 1) * size])
        owned.ravel()[keys[first:last] - block[0] * size] = True
        wanted = owned | popular
        for found in scores.values():
            wanted |= best(np.where(owned, -np.inf, found), DEPTH)
        row, product = np.nonzero(wanted)
        taken = {n: found[row, product].astype(np.float32) for n, found in scores.items()}
        parts.append((block[row], product, taken))
    return Candidates(
        as_of,
        np.concatenate([account for account, _, _ in parts]),
        np.concatenate([product for _, product, _ in parts]),
        {name: np.concatenate([taken[name] for _, _, taken in parts]) for name in MODELS},
        dict.fromkeys(MODELS, newest),
    ).checked()


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """Where each row's k highest are. (B, P) → (B, P)"""
    found = np.zeros(scores.shape, bool)
    places, values = highest(scores, k)
    np.put_along_axis(found, places, np.isfinite(values), axis=1)
    return found


def mark(interactions: pd.DataFrame, catalogue: np.ndarray, as_of: dt.date) -> str:
    """Hash of everything that decides a day's candidates: purchases, catalogue, models, code."""
    told = hashlib.sha256(b"".join((HERE / f"{name}.py").read_bytes() for name in CODE))
    told.update(json.dumps([as_of.isoformat(), DEPTH, POPULAR]).encode())
    for name, (_, params) in MODELS.items():
        told.update(json.dumps([name, asdict(params)], sort_keys=True).encode())
    told.update("\n".join(catalogue).encode())
    columns = ["account_id", "product_id", "business_date", "orders"]
    rows = interactions[columns].astype({"account_id": str, "product_id": str})
    told.update(pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes())
    return told.hexdigest()[:20]


def kept(folder: Path, as_of: dt.date, mark: str) -> Candidates | None:
    """A day's candidates that were made from the same; null if there are none.

    Raises:
        SawLabels: see Candidates.checked.
    """
    path = folder / f"{as_of}-{mark}.parquet"
    if not used(path):
        return None
    table = pq.read_table(path)
    told = json.loads((table.schema.metadata or {}).get(b"seen", b"{}"))
    names = [n for n in table.column_names if n not in ("account", "product")]
    return Candidates(
        as_of,
        table["account"].to_numpy(),
        table["product"].to_numpy(),
        {name: table[name].to_numpy() for name in names},
        {name: dt.date.fromisoformat(date) for name, date in told.items()},
    ).checked()


def keep(found: Candidates, folder: Path, mark: str) -> None:
    columns = {"account": found.account, "product": found.product, **found.scores}
    arrays = {name: pa.array(values) for name, values in columns.items()}
    seen = json.dumps({name: date.isoformat() for name, date in found.seen.items()})
    table = pa.table(arrays).replace_schema_metadata({"seen": seen})
    with whole(folder / f"{found.as_of}-{mark}.parquet") as candidate:
        pq.write_table(table, candidate, compression="zstd")
