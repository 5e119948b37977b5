"""What an effect is estimated from: one row per account, checked before anything is fitted.

A frame, or a file of the same columns: account_id, treated (1 or 0), outcome, pre_outcome (the
same of the time just before the treatment, in the same unit), then numeric covariates, known before
that time began: later ones would know the answer of the placebo, or hold a part of the effect.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from jobs.command import number
from jobs.training.given import opened, reading, text

ACCOUNT, TREATED, OUTCOME, PRE_OUTCOME = "account_id", "treated", "outcome", "pre_outcome"
NEEDED = (ACCOUNT, TREATED, OUTCOME, PRE_OUTCOME)
LEAST = 100  # accounts of each arm: five folds of nuisance models leave 20 of an arm to be judged


class BadTable(ValueError):
    """Rows of which no effect can be asked; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Rows:
    """Letters: accounts A, covariates C. Sorted by account, so that their order says nothing."""

    accounts: np.ndarray  # (A,) texts
    treated: np.ndarray  # (A,) bool
    outcome: np.ndarray  # (A,)
    pre_outcome: np.ndarray  # (A,)
    covariates: np.ndarray  # (A, C)
    names: tuple[str, ...]  # of the covariates


def read(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file of these columns; account ids are texts.

    Raises:
        BadFile: it is not there, or not readable, or lacks a column.
        BadTable: a needed column has text where numbers are needed.
    """
    needed = {ACCOUNT: "varchar"} | dict.fromkeys(NEEDED[1:], "double")
    # a CSV's needed columns come as texts, and are numbers again where they can be
    numbers = ", ".join(f"try_cast({name} as double) as {name}" for name in NEEDED[1:])
    found = opened(path, needed)
    asked = f"select * replace ({text(found, ACCOUNT)} as {ACCOUNT}, {numbers}) from given"  # noqa: S608
    with reading(path):
        for name in NEEDED[1:]:
            _refuse_words(found, name)
        return found.query("given", asked).df()


def _refuse_words(given: duckdb.DuckDBPyRelation, name: str) -> None:
    """Raises: BadTable: a column has text where numbers are needed."""
    said = f"trim(cast({name} as varchar))"
    count, such = (
        given.filter(f"{said} <> '' and try_cast({name} as double) is null")
        .aggregate(f"count(*), min({said})")
        .fetchall()[0]
    )
    if count:
        meant = "1 (treated) or 0 (not)" if name == TREATED else "numbers"
        rows = number(count, "row", "rows")
        raise BadTable(f"{name} is no number in {rows}, such as {such!r}: give {meant}")


def rows(table: pd.DataFrame) -> Rows:
    """The frame's rows in the form that models take.

    Raises:
        BadTable: a column is missing or not numeric, a value is, an arm is (nearly) empty, or a
            result is the same for all.
    """
    names = tuple(str(name) for name in table.columns if name not in NEEDED)
    _has_columns(table, names)
    _has_values(table)
    sorted_ = table.assign(**{ACCOUNT: table[ACCOUNT].astype(str)}).sort_values(ACCOUNT)
    if twice := int(sorted_[ACCOUNT].duplicated().sum()):
        raise BadTable(f"{twice} rows of accounts that have one already: give one row per account")
    _can_be_compared(sorted_)
    return Rows(
        sorted_[ACCOUNT].to_numpy(str),
        sorted_[TREATED].to_numpy(float) == 1,
        sorted_[OUTCOME].to_numpy(float),
        sorted_[PRE_OUTCOME].to_numpy(float),
        sorted_[list(names)].to_numpy(float),
        names,
    )


def _has_columns(table: pd.DataFrame, names: tuple[str, ...]) -> None:
    if missing := [name for name in NEEDED if name not in table]:
        has = ", ".join(map(str, table.columns))
        raise BadTable(f"column {', '.join(missing)} is missing; the table has {has}")
    if not names:
        raise BadTable(
            f"there is no covariate: give numeric columns beside {', '.join(NEEDED)}, of what was"
            " known of an account before; of arms drawn by chance, ask jobs.delivery.lift"
        )
    numeric = (*NEEDED[1:], *names)
    if bad := [name for name in numeric if not pd.api.types.is_numeric_dtype(table[name])]:
        raise BadTable(f"column {', '.join(bad)} is not numeric: give numbers, or leave it out")


def _has_values(table: pd.DataFrame) -> None:
    numbers = table.drop(columns=ACCOUNT).astype(float)
    gaps = (~np.isfinite(numbers)).sum()
    gaps[ACCOUNT] = table[ACCOUNT].isna().sum()
    if len(gaps := gaps[gaps > 0]):
        told = ", ".join(f"{name} ({count} rows)" for name, count in gaps.items())
        raise BadTable(
            f"no value, or none that is finite, in {told}: fill it, with a column that says where"
        )
    others = sorted(set(numbers[TREATED].unique()) - {0.0, 1.0})
    if others:
        raise BadTable(f"{TREATED} is {others[0]:g} somewhere: give 1 (treated) or 0 (not)")


def _can_be_compared(table: pd.DataFrame) -> None:
    arms = table[TREATED].value_counts()
    counts = {name: int(arms.get(value, 0)) for value, name in ((1, "treated"), (0, "untreated"))}
    for name, count in counts.items():
        if count == 0:
            raise BadTable(f"no account is {name}: there is nothing to compare with")
        if count < LEAST:
            raise BadTable(f"{count} {name} accounts are too few: at least {LEAST} of each are")
    for name in (OUTCOME, PRE_OUTCOME):
        if table[name].nunique() == 1:
            value = table[name].iloc[0]
            raise BadTable(f"{name} is {value:g} for every account: it can show no difference")
