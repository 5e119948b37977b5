"""A day as the ranker sees it: what was known by its closing, and what was bought after it."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from jobs.training.data import believed, known, known_by
from jobs.training.recommenders import candidates
from jobs.training.recommenders.candidates import Candidates
from jobs.training.recommenders.plans import Plans
from jobs.training.recommenders.purchases import catalogue
from jobs.training.recommenders.signals import Group, Lines, Signals


class EmptyCatalogue(ValueError):
    """No product had buyers enough on a day."""


@dataclass(frozen=True)
class Sources:
    """Tables with every version of their rows, of all days; a day takes what it may know."""

    interactions: pd.DataFrame
    products: pd.DataFrame
    promotions: pd.DataFrame | None
    groups: Sequence[Group]  # what products belong to
    store: Path | None  # where the candidates of days are kept


@dataclass(frozen=True)
class Day:
    """Letters: N candidate pairs, F columns."""

    as_of: dt.date
    signals: Signals
    plans: Plans | None
    candidates: Candidates

    def columns(self, at: np.ndarray) -> pd.DataFrame:
        """Every column of the candidates at some places. (N,) → (N, F)"""
        account, product = self.candidates.account[at], self.candidates.product[at]
        found = {f"score.{n}": values[at] for n, values in self.candidates.scores.items()}
        found |= dict(self.signals.of(account, product))
        if self.plans:
            found |= dict(self.plans.at(product))
        # LightGBM takes no names with JSON's own characters, and a file may name a column anything
        plain = {re.sub(r"[^\w.+-]", "_", name): values for name, values in found.items()}
        return pd.DataFrame(plain, dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Into an existing folder."""
        lines = self.signals.lines
        arrays = {f.name: getattr(lines, f.name) for f in fields(lines)}
        np.savez_compressed(folder / "lines.npz", **arrays)
        if self.signals.attributes is not None:
            self.signals.attributes.to_parquet(folder / "attributes.parquet")
        if self.plans:
            np.savez_compressed(folder / "plans.npz", allow_pickle=False, **self.plans.columns)
        candidates.keep(self.candidates, folder, "saved")

    @classmethod
    def load(cls, folder: Path, as_of: dt.date, groups: Sequence[Group]) -> Self:
        """What `save` wrote.

        Raises:
            FileNotFoundError: the folder has no candidates of the day.
        """
        with np.load(folder / "lines.npz", allow_pickle=False) as kept:
            lines = Lines(**kept)
        told = folder / "attributes.parquet"
        signals = Signals(lines, pd.read_parquet(told) if told.exists() else None, groups)
        plans = None
        if (folder / "plans.npz").exists():
            with np.load(folder / "plans.npz", allow_pickle=False) as kept:
                plans = Plans(dict(kept))
        found = candidates.kept(folder, as_of, "saved")
        if found is None:
            raise FileNotFoundError(f"{folder} has no candidates of {as_of}")
        return cls(as_of, signals, plans, found)

    @property
    def keys(self) -> np.ndarray:
        """A number per pair, rising. (N,)"""
        size = len(self.signals.lines.products)
        found: np.ndarray = self.candidates.account * size + self.candidates.product
        return found

    @property
    def owned(self) -> np.ndarray:
        """Whether the account had bought the candidate. (N,)"""
        own = self.signals.own
        at = own.places(self.candidates.account, self.candidates.product)
        found: np.ndarray = at < len(own.keys)
        return found

    def of_accounts(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Candidates of accounts at places, and to which of these each belongs. (N,), (N,)"""
        starts = np.searchsorted(self.candidates.account, places)
        ends = np.searchsorted(self.candidates.account, places, side="right")
        at = np.concatenate([np.arange(a, b) for a, b in zip(starts, ends, strict=True)])
        return at.astype(np.int64), np.repeat(np.arange(len(places)), ends - starts)


def day(
    sources: Sources, as_of: dt.date, min_buyers: int, weeks_ahead: int, uses_plan: bool
) -> Day:
    """A day's candidates and signals; candidates that were kept are not made again.

    Raises:
        EmptyCatalogue: there is nothing that could be a candidate.
    """
    rows = known_by(sources.interactions, as_of)
    products = catalogue(rows, min_buyers)
    if not len(products):
        raise EmptyCatalogue(f"no product had {min_buyers} buyers by {as_of}: take fewer")
    rows = rows[rows["product_id"].isin(products)]
    about = known(sources.products, as_of)
    signals = Signals(Lines.of(rows, products, as_of), attributes(about, products), sources.groups)
    mark = candidates.mark(rows, products, as_of)
    found = candidates.kept(sources.store, as_of, mark) if sources.store else None
    if found is None:
        found = candidates.propose(signals, rows, about, as_of)
        if sources.store:
            candidates.keep(found, sources.store, mark)
    plans = None
    if sources.promotions is not None:
        told = known(sources.promotions, as_of)
        plans = Plans.of(told, products, as_of, weeks_ahead, uses_plan)
    return Day(as_of, signals, plans, found)


def attributes(about: pd.DataFrame, products: np.ndarray) -> pd.DataFrame | None:
    """A row per product of the catalogue, in its order; null: there is nothing to say."""
    if about.empty:
        return None
    found = about.drop_duplicates("product_id", keep="last").set_index("product_id")
    return found.reindex(products)


def bought_after(sources: Sources, at: Day, horizon_days: int, as_of: dt.date) -> np.ndarray:
    """Keys of pairs bought in the days after a day, none later than as_of: what is learnt."""
    date = sources.interactions["business_date"]
    end = min(at.as_of + dt.timedelta(days=horizon_days), as_of)
    rows = sources.interactions[(date > pd.Timestamp(at.as_of)) & (date <= pd.Timestamp(end))]
    rows = believed(rows)
    lines = at.signals.lines
    rows = rows[rows["product_id"].isin(lines.products) & rows["account_id"].isin(lines.accounts)]
    account = np.searchsorted(lines.accounts, rows["account_id"].to_numpy(str))
    product = np.searchsorted(lines.products, rows["product_id"].to_numpy(str))
    return np.unique(account * len(lines.products) + product)
