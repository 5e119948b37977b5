"""Feature tables as pandas frames at pinned versions, with the identity of what was read.

A frame of a table that keeps its history has `known_date` and `superseded_date`: it holds every
version of a row, and is asked for those of a day as `jobs.table.as_known` asks the table.
"""

import datetime as dt

import pandas as pd

from jobs import lake
from jobs.table import FOREVER
from jobs.training.family import Dataset


def read(
    table: str, sql: str = "select * from t", version: int | None = None
) -> tuple[pd.DataFrame, Dataset]:
    """Rows of a table; strings as categories, dates as datetime64.

    Args:
        version: null: the newest.
    """
    version = lake.version(table) if version is None else version
    found = lake.read(table, version, sql)
    for place, column in enumerate(found.schema):
        if str(column.type) == "string":
            found = found.set_column(place, column.name, found.column(place).dictionary_encode())
    return found.to_pandas(date_as_object=False), Dataset(table, version)


def known(rows: pd.DataFrame, date: dt.date) -> pd.DataFrame:
    """The rows as they were known at the closing of a day."""
    day = pd.Timestamp(date)
    return rows[(rows["known_date"] <= day) & (rows["superseded_date"] > day)]


def known_by(interactions: pd.DataFrame, date: dt.date) -> pd.DataFrame:
    """Interactions dated up to a day, as they were known at its closing."""
    return known(interactions[interactions["business_date"] <= pd.Timestamp(date)], date)


def believed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that are believed still."""
    return rows[rows["superseded_date"] == pd.Timestamp(FOREVER)]


def as_it_stood(rows: pd.DataFrame, date: dt.date) -> pd.DataFrame:
    """Every version known by the closing of a day: what was superseded later is believed still."""
    day = pd.Timestamp(date)
    then = rows[rows["known_date"] <= day]
    until_then = then["superseded_date"].where(
        then["superseded_date"] <= day, pd.Timestamp(FOREVER)
    )
    return then.assign(superseded_date=until_then)
