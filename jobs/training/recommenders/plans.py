"""Promotions as numbers per product: how a product was promoted lately, and how it will be.

A promotion is (product_id, starts_on, ends_on) with numbers that say how much: shares of shops,
discounts. A week's number is their sum over the promotions of that week, each by its days in it.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

LATELY = 8  # weeks looked back
NOT_NUMBERS = ("product_id", "starts_on", "ends_on", "known_date", "superseded_date")


def numbers(promotions: pd.DataFrame) -> list[str]:
    """The columns that say how much."""
    return [
        str(c)
        for c in promotions.columns
        if c not in NOT_NUMBERS and pd.api.types.is_numeric_dtype(promotions[c])
    ]


def by_week(
    promotions: pd.DataFrame, products: np.ndarray, as_of: dt.date, weeks: range
) -> dict[str, np.ndarray]:
    """Column → sums per product and week, counted from as_of: week 0 begins the day after.

    (P, W); products: sorted ids.
    """
    rows = promotions[promotions["product_id"].isin(products)]
    place = np.searchsorted(products, rows["product_id"].to_numpy(str))
    first_day = np.datetime64(as_of, "D") + 1
    starts = (rows["starts_on"].to_numpy("datetime64[D]") - first_day).astype(int)
    ends = (rows["ends_on"].to_numpy("datetime64[D]") - first_day).astype(int)
    found = {name: np.zeros((len(products), len(weeks))) for name in numbers(promotions)}
    for column, week in enumerate(weeks):
        days = np.minimum(ends, 7 * week + 6) - np.maximum(starts, 7 * week) + 1
        here = days > 0
        for name, sums in found.items():
            values = rows[name].to_numpy(np.float64)[here] * days[here] / 7
            np.add.at(sums[:, column], place[here], np.nan_to_num(values))
    return found


@dataclass(frozen=True)
class Plans:
    """Columns of numbers per product."""

    columns: dict[str, np.ndarray]  # name → (P,)

    @classmethod
    def of(
        cls,
        promotions: pd.DataFrame,
        products: np.ndarray,
        as_of: dt.date,
        weeks_ahead: int,
        uses_plan: bool,
    ) -> Self:
        """Of promotions that had begun by the day; uses_plan: of those planned for after it too.

        Args:
            products: sorted ids, P of them.
        """
        begun = promotions[promotions["starts_on"] <= pd.Timestamp(as_of)]
        columns: dict[str, np.ndarray] = {}
        for name, past in by_week(begun, products, as_of, range(-LATELY, 0)).items():
            columns |= {f"{name}.last_week": past[:, -1], f"{name}.lately": past.mean(axis=1)}
        if not uses_plan:
            return cls(columns)
        for name, planned in by_week(promotions, products, as_of, range(weeks_ahead)).items():
            mean = planned.mean(axis=1)
            columns |= {
                f"{name}.first_week": planned[:, 0],
                f"{name}.planned": mean,
                f"{name}.most": planned.max(axis=1),
                f"{name}.more_than_lately": mean - columns[f"{name}.lately"],
            }
        return cls(columns)

    def at(self, product: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Name and values (N,) of every column. (N,)"""
        for name, values in self.columns.items():
            yield f"plan.{name}", values[product].astype(np.float32)
