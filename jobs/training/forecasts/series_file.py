"""A file of series, as anyone may bring it: unique_id, ds, y, and covariates known in advance.

Parquet or CSV. A covariate is any further column of numbers. Ids are text or whole numbers and are
given back as they came. A row without `y` tells its covariates only.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from jobs import command
from jobs.training.forecasts.forecaster import step_of

logger = logging.getLogger(__name__)

NEEDED = ("unique_id", "ds", "y")
TAKEN = ("series_id", "place")  # columns that are added here
OFFSET = r"([T ]\S+?)(?:Z|[+-]\d\d:?\d\d)$"  # from UTC, behind a time
DAYS = {"W": 7, "D": 1}  # of a step


class BadSeries(ValueError):
    """The file cannot be read as series."""


@dataclass(frozen=True)
class Series:
    """Rows sorted by series and day; `place` counts a series' rows from 1."""

    rows: pd.DataFrame  # series_id (text), ds, y, covariates, place
    covariates: tuple[str, ...]
    ids: pd.Series  # text → the id as it came
    points: pd.Series  # text → places up to the last one with a value
    step: pd.Timedelta  # the file's own

    def history(self, origin: int, ids: Sequence[str]) -> pd.DataFrame:
        """The first `origin` rows of some series."""
        rows = self.rows[(self.rows["place"] <= origin) & self.rows["series_id"].isin(ids)]
        return rows.drop(columns="place").reset_index(drop=True)


def read(path: Path, freq: str) -> Series:
    """Read and check a file of series.

    Raises:
        BadSeries: what is wrong, the value, and what to do about it.
    """
    if freq not in DAYS:
        raise BadSeries(f"--freq {freq!r}: take W for weeks or D for days")
    rows = _table(path)
    if missing := [c for c in NEEDED if c not in rows]:
        raise BadSeries(
            f"{path}: no column {', '.join(missing)} among {', '.join(map(str, rows))};"
            " rename yours: unique_id, ds (date), y (number), then covariates"
        )
    covariates = tuple(str(c) for c in rows if c not in NEEDED)
    if taken := [c for c in covariates if c in TAKEN]:
        raise BadSeries(
            f"{path}: column {', '.join(taken)} has a name that the bench uses itself;"
            " rename or drop it"
        )
    given = _ids(path, rows["unique_id"])
    found = pd.DataFrame({"series_id": given.astype(str), "ds": _dates(path, rows["ds"])})
    for column in ("y", *covariates):
        found[column] = _numbers(path, rows[column])
    _once(path, found)
    ids = pd.Series(given.to_numpy(), index=found["series_id"].to_numpy())
    ids = ids[~ids.index.duplicated()].sort_index()
    found = found.sort_values(["series_id", "ds"], ignore_index=True)
    step = _whole_steps(path, found, freq)
    found["place"] = found.groupby("series_id").cumcount() + 1
    points = found[found["y"].notna()].groupby("series_id")["place"].max()
    points = points.reindex(ids.index, fill_value=0)
    return Series(found, covariates, ids, points, step)


def _table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise BadSeries(f"{path}: no such file; --series takes a parquet or CSV file")
    kind = path.suffix.lower()
    if kind not in (".parquet", ".pq", ".csv", ".gz", ".txt"):
        raise BadSeries(f"{path}: ends in {path.suffix!r}; save it as .parquet or .csv")
    try:
        if kind in (".parquet", ".pq"):
            rows = pd.read_parquet(path).reset_index(drop=True)
        else:
            # as written: 007 is no 7, and NA (Namibia) is an id
            rows = _named(path, pd.read_csv(path, converters={"unique_id": str}))
            if "unique_id" in rows:
                rows["unique_id"] = _as_written(rows["unique_id"])
    except (ValueError, OSError, EOFError, pa.ArrowException) as error:
        told = str(error).strip().partition("\n")[0]
        raise BadSeries(
            f"{path}: cannot be read: {told}; save it as Parquet, or as CSV in UTF-8 with a header"
        ) from None
    if rows.empty:
        raise BadSeries(f"{path}: has no rows; write one row per series and date")
    return rows


def _named(path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Without columns that have no name: the numbers of rows, as a frame's CSV brings them."""
    nameless = [c for c in rows if str(c).startswith("Unnamed: ")]  # what pandas calls them
    if nameless:
        told = command.number(len(nameless), "column", "columns")
        logger.warning("%s: %s without a name, left out", path, told)
    return rows.drop(columns=nameless)


def _as_written(ids: pd.Series) -> pd.Series:
    """Whole numbers where every id of a CSV is one and is written so."""
    whole = ids.str.fullmatch(r"0|-?[1-9]\d{0,17}").eq(True).all()
    return ids.astype("int64") if whole else ids.mask(ids == "")


def _ids(path: Path, ids: pd.Series) -> pd.Series:
    if isinstance(ids.dtype, pd.CategoricalDtype):
        ids = ids.astype(ids.cat.categories.dtype)
    if ids.isna().any():
        row = int(np.flatnonzero(ids.isna())[0]) + 1
        raise BadSeries(f"{path}: row {row} has no unique_id; name its series or drop the row")
    return ids


def _dates(path: Path, ds: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(ds):
        raise BadSeries(f"{path}: ds holds {_shown(ds.iloc[0])}, a number; write dates: 2017-01-02")
    if _typed(ds):
        found = ds
    else:
        # the day is that of the place: an offset tells it, and may change within the year
        local = ds.astype(str).str.replace(OFFSET, r"\1", regex=True)
        found = pd.to_datetime(local, errors="coerce", format="ISO8601")
    if found.isna().any():
        row = int(np.flatnonzero(found.isna())[0])
        raise BadSeries(f"{path}: row {row + 1} has ds {ds.iloc[row]!r}; write dates: 2017-01-02")
    if found.dt.tz is not None:
        found = found.dt.tz_localize(None)
    return found.astype("datetime64[ns]")


def _shown(value: object) -> str:
    """A value as it stands in the file, without the name of its type."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def _typed(ds: pd.Series) -> bool:
    return pd.api.types.is_datetime64_any_dtype(ds)


def _numbers(path: Path, values: pd.Series) -> pd.Series:
    found = pd.to_numeric(values, errors="coerce")
    wrong = (found.isna() & values.notna()) | np.isinf(found.astype(float))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise BadSeries(
            f"{path}: row {row + 1} has {values.name} {_shown(values.iloc[row])},"
            " which is no finite number; y and covariates are numbers: encode the column or drop it"
        )
    return found.astype(float)


def _once(path: Path, rows: pd.DataFrame) -> None:
    twice = rows.duplicated(["series_id", "ds"])
    if twice.any():
        first = rows[twice].iloc[0]
        raise BadSeries(
            f"{path}: series {first['series_id']!r} has two rows for {first['ds']:%Y-%m-%d};"
            " sum or drop them"
        )


def _whole_steps(path: Path, rows: pd.DataFrame, freq: str) -> pd.Timedelta:
    """The file's own step, which may be another than `freq`; rows lie whole ones apart."""
    gaps = rows.groupby("series_id")["ds"].diff().dropna()
    step = step_of(rows)
    odd = gaps[gaps.to_numpy() % step.to_timedelta64() != np.timedelta64(0)]
    if len(odd):
        row = rows.loc[odd.index[0]]
        raise BadSeries(
            f"{path}: series {row['series_id']!r} at {row['ds']:%Y-%m-%d} lies {odd.iloc[0].days}"
            f" days after its row before, and others {step.days}: the step must be one; move the"
            " dates to one weekday, or one hour"
        )
    if len(gaps) and step != pd.Timedelta(days=DAYS[freq]):
        logger.warning(
            "%s: --freq %s, but the rows lie %s apart: so do the forecasts", path, freq, step
        )
    return step
