"""What is known of open opportunities on the evening of an origin, as columns.

Where each stands and for how long, how it came there, its amount and its expected close, and how
often its salesperson, its customer and its source have won: shares of few are drawn to that of all.
"""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from jobs.training.propensity.classifier import Rows
from jobs.training.propensity.pipeline import OPEN, STATUS, Pipeline, evening

PRIOR = 10.0  # opportunities, by which a share of few is drawn to the share of all
PRIOR_OF_ACCOUNT = 2.0  # one customer's own are few, and say more
WHOSE = {"owner_id": ("owner", PRIOR), "account_id": ("account", PRIOR_OF_ACCOUNT)}
WHOSE |= {"source": ("source", PRIOR)}


@dataclass(frozen=True)
class Known:
    """All that is known of a pipeline on an evening."""

    of: Pipeline
    origin: dt.date

    @cached_property
    def rows(self) -> pd.DataFrame:
        return self.of.until(self.origin)

    @cached_property
    def standing(self) -> pd.DataFrame:
        return self.of.standing(self.origin)

    @cached_property
    def open(self) -> pd.DataFrame:
        return self.standing[self.standing[STATUS] == OPEN].reset_index(drop=True)

    @cached_property
    def ended(self) -> pd.DataFrame:
        return self.standing[self.standing[STATUS] != OPEN]

    @cached_property
    def places(self) -> pd.Series:
        """Stage → how far on it is, 0..1: in the order in which opportunities came to them."""
        order = self.rows.groupby("stage")["visit"].mean().dropna()
        return (order.rank(method="first") - 1) / max(len(order) - 1, 1)

    @cached_property
    def moves(self) -> pd.DataFrame:
        """Rows of open opportunities that changed the stage, with `step`: above 0 is forward."""
        moved = self.rows["stage_moved"] & self.rows["stage_before"].notna()
        rows = self.rows.loc[moved, ["opportunity", "stage", "stage_before"]]
        rows = rows[rows["opportunity"].isin(self.open["opportunity"])]
        step = rows["stage"].map(self.places) - rows["stage_before"].map(self.places)
        return rows.assign(step=step.fillna(0))

    def drawn(self, won: pd.Series, prior: float) -> pd.Series:
        """Share won by group, drawn to that of all. won: 1 or 0, indexed by group."""
        by = won.groupby(level=0)
        return (by.sum() + prior * self.won_share) / (by.size() + prior)

    @cached_property
    def won_share(self) -> float:
        return float((self.ended[STATUS] == "won").mean()) if len(self.ended) else 0.5


def features(of: Pipeline, origin: dt.date) -> tuple[np.ndarray, Rows]:
    """Places in `of.ids` of the opportunities that are open, and what is known of them."""
    known = Known(of, origin)
    found = {
        **_stages(known),
        **_moves(known),
        **_times(known),
        **(_amounts(known) if "amount_usd" in of.tells else {}),
        **(_closes(known) if "expected_close_date" in of.tells else {}),
        **_shares(known),
    }
    told = pd.DataFrame(found, index=known.open.index, dtype=np.float32)
    return known.open["opportunity"].to_numpy(), Rows(told, np.zeros((len(told), 0, 0), np.float32))


def _stages(known: Known) -> dict[str, pd.Series]:
    """Its stage: how many of those that had been in it and have ended were won."""
    ends = known.ended.set_index("opportunity")[STATUS] == "won"
    visits = known.rows.loc[known.rows["visit"].notna(), ["opportunity", "stage"]]
    visits = visits[visits["opportunity"].isin(ends.index)]
    won = visits["opportunity"].map(ends).astype(float).set_axis(visits["stage"])
    stage = known.open["stage"]
    return {
        "stage_won_share": stage.map(known.drawn(won, PRIOR)).fillna(known.won_share),
        "stage_place": stage.map(known.places).fillna(0),
    }


def _moves(known: Known) -> dict[str, pd.Series]:
    of = known.open["opportunity"]

    def count(rows: pd.DataFrame) -> pd.Series:
        return of.map(rows.groupby("opportunity").size()).fillna(0)

    moves = known.moves
    return {
        "moves_forward": count(moves[moves["step"] > 0]),
        "moves_back": count(moves[moves["step"] < 0]),
    }


def _days(known: Known, since: pd.Series) -> pd.Series:
    return (evening(known.origin) - since).dt.total_seconds() / 86_400


def _times(known: Known) -> dict[str, pd.Series]:
    """Days in its stage and since it was opened, beside what is usual."""
    here = known.open
    stayed = known.rows["stage_stayed_days"]
    usual = stayed.groupby(known.rows["stage_before"]).median().clip(lower=1)
    any_stage = max(float(stayed.median()), 1) if stayed.notna().any() else 1.0
    won = known.ended[known.ended[STATUS] == "won"]
    took = (won["status_since"] - won["opened_at"]).dt.total_seconds() / 86_400
    stage_days, age = _days(known, here["stage_since"]), _days(known, here["opened_at"])
    return {
        "stage_days": stage_days,
        "stage_days_per_usual": stage_days / here["stage"].map(usual).fillna(any_stage),
        "age_days": age,
        "age_per_won": age / (max(float(took.median()), 1) if len(took) else 1.0),
        "change_days": _days(known, here["changed_at"]),
        "changes": here["changes"],
    }


def _amounts(known: Known) -> dict[str, pd.Series]:
    """What it is worth, beside those that were won; 0 is nobody's amount."""
    amount = known.open["amount_usd"].fillna(0)
    won = known.ended.loc[known.ended[STATUS] == "won", "amount_usd"].dropna()
    rank = np.searchsorted(np.sort(won.to_numpy()), amount.to_numpy()) / max(len(won), 1)
    return {
        "amount_usd": amount,
        "amount_of_won_share": pd.Series(rank, amount.index),
        "amount_changes": known.open["amount_changes"],
        "amount_is_known": (amount != 0).astype(float),
    }


def _closes(known: Known) -> dict[str, pd.Series]:
    """When its salesperson expects it to close; where nobody said, 0."""
    ahead = (known.open["expected_close_date"] - pd.Timestamp(known.origin)).dt.days
    return {
        "close_in_days": ahead.fillna(0),
        "close_overdue_days": (-ahead).clip(lower=0).fillna(0),
        "close_is_known": ahead.notna().astype(float),
        "close_pushes": known.open["close_pushes"],
        "close_pushed_days": known.open["close_pushed_days"],
    }


def _shares(known: Known) -> dict[str, pd.Series]:
    """How many of theirs had been won: of the salesperson, of the customer, of the source."""
    found = {}
    won = (known.ended[STATUS] == "won").astype(float)
    for column, (name, prior) in WHOSE.items():
        if column in known.of.tells:
            whose = won.set_axis(known.ended[column])[known.ended[column].notna().to_numpy()]
            shares = known.drawn(whose, prior)
            found[f"{name}_won_share"] = (
                known.open[column].map(shares).astype(float).fillna(known.won_share)
            )
            sizes = known.open[column].map(whose.groupby(level=0).size())
            found[f"{name}_ended"] = sizes.astype(float).fillna(0)
    return found
