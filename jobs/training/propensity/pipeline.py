"""Anyone's file of opportunities: one row per opportunity and change of state, in order of time.

A row says how an opportunity stood after a change. Exports that say it every day are taken too: a
row that changes nothing is dropped. What stands beside a row here (since when it is in its stage,
how often its close was put off) rests on rows before it alone, so that it is known on its evening.
"""

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from jobs.sql import identifier
from jobs.training import given
from jobs.training.given import BadFile

logger = logging.getLogger(__name__)

NEEDED = {"opportunity_id": "varchar", "changed_at": "timestamp", "stage": "varchar"}
STATUS, WON, CLOSED = "status", "is_won", "is_closed"  # the first, or both others
# what it may tell
MORE = {
    "account_id": "varchar",
    "owner_id": "varchar",
    "source": "varchar",
    "amount_usd": "double",
    "expected_close_date": "date",
}
# names of Salesforce's OpportunityHistory, HubSpot's deals, Dynamics, Odoo's crm.lead, and ours
ALSO_CALLED = {
    "opportunity_id": ("OpportunityId", "opportunityid", "hs_object_id", "deal_id", "lead_id"),
    "changed_at": ("CreatedDate", "modifiedon", "write_date", "hs_lastmodifieddate"),
    "stage": ("StageName", "stage_name", "stage_id", "dealstage", "stepname"),
    STATUS: ("won_status", "statecode", "state"),
    WON: ("IsWon", "hs_is_closed_won"),
    CLOSED: ("IsClosed", "hs_is_closed"),
    "account_id": ("AccountId", "accountid", "partner_id", "customer_id"),
    "owner_id": ("OwnerId", "ownerid", "user_id", "hubspot_owner_id"),
    "source": ("LeadSource", "lead_source", "source_id", "leadsourcecode"),
    "amount_usd": ("Amount", "amount", "estimatedvalue", "expected_revenue", "expected_amount"),
    "expected_close_date": ("CloseDate", "closedate", "estimatedclosedate", "date_deadline"),
}
OPEN = "open"
WORDS = {  # of CRMs, in lower case → open, won or lost
    OPEN: ("open", "pending", "lead", "opportunity", "0"),
    "won": ("won", "closed won", "converted", "1"),
    "lost": ("lost", "closed lost", "cancelled", "canceled", "2"),
}


@dataclass(frozen=True)
class Pipeline:
    """What a file says.

    Attributes:
        ids: of opportunities, text, sorted.
        rows: sorted by opportunity (its place in ids) and time; see `read`.
        tells: which of MORE the file has.
    """

    ids: np.ndarray
    rows: pd.DataFrame
    tells: frozenset[str]

    @cached_property
    def first(self) -> dt.date:
        found: dt.date = self.rows["changed_at"].min().date()
        return found

    @cached_property
    def newest(self) -> dt.date:
        found: dt.date = self.rows["changed_at"].max().date()
        return found

    def until(self, day: dt.date) -> pd.DataFrame:
        """The rows up to the evening of a day."""
        return self.rows[self.rows["changed_at"] < evening(day)]

    def standing(self, day: dt.date) -> pd.DataFrame:
        """How every opportunity that is known stood on the evening of a day."""
        return self.until(day).drop_duplicates("opportunity", keep="last")

    def closings(self, after: dt.date, by: dt.date) -> pd.Series:
        """Opportunity → the first moment at which it was closed after one day and by another."""
        rows = self.until(by)
        is_closing = (rows[STATUS] != OPEN) & (rows["status_since"] == rows["changed_at"])
        closed = rows[is_closing & (rows["changed_at"] >= evening(after))]
        return closed.groupby("opportunity")["changed_at"].first()


def evening(day: dt.date) -> pd.Timestamp:
    """The moment at which a day is over."""
    return pd.Timestamp(day) + pd.Timedelta(days=1)


def read(path: Path) -> Pipeline:
    """A file of changes.

    Args:
        path: CSV or Parquet, a row per opportunity and change: opportunity_id, changed_at (the
            business's own time, without a zone), stage, status (open, won or lost; or is_won and
            is_closed), and what else it tells of MORE, under these names or those of ALSO_CALLED.

    Raises:
        BadFile: it cannot be read, lacks what is needed, has no row with it, or says a status that
            is none.
    """
    called = given.named(path, NEEDED, [STATUS, WON, CLOSED, *MORE], ALSO_CALLED)
    if STATUS not in called and not {WON, CLOSED} <= set(called):
        raise BadFile(
            f"{path}: column {STATUS} (open, won or lost) is missing, or {WON} and {CLOSED} in its"
            f" place; it has {', '.join(given.opened(path, {}).columns)}"
        )
    needed = {called[name]: kind for name, kind in NEEDED.items()}
    rows = given.rows(path, needed, is_text=True)
    tells = frozenset(called) & set(MORE)
    with given.reading(path):
        found = rows.query("rows", _typed(called, tells)).df()
        _tell_unread(path, rows, {called[name]: MORE[name] for name in tells})
    if found.empty:
        raise BadFile(
            f"{path} has no row with an {called['opportunity_id']}, a readable"
            f" {called['changed_at']} and a {called['stage']}"
        )
    found[STATUS] = _statuses(found, path)
    ids, found["opportunity"] = np.unique(found["opportunity_id"].astype(str), return_inverse=True)
    found = found.sort_values(["opportunity", "changed_at"], kind="stable", ignore_index=True)
    found = _changes(found.drop(columns="opportunity_id"))
    return Pipeline(ids, _beside(found), tells)


def _tell_unread(path: Path, rows: duckdb.DuckDBPyRelation, kinds: Mapping[str, str]) -> None:
    """Say of how many rows a number or a day is none."""
    for name, kind in kinds.items():
        if kind == "varchar":
            continue
        theirs = identifier(name)
        unread = f"{theirs} is not null and {_value(name, kind)} is null"
        one = f"any_value(cast({theirs} as varchar)) filter (where {unread})"
        asked = f"select count(*) filter (where {unread}), {one} from rows"  # noqa: S608
        [(count, value)] = rows.query("rows", asked).fetchall()
        if count:
            logger.warning(
                "%s: %d values of %s are not read, such as %r: write numbers with a point and days"
                " as 2017-01-02",
                *(path, count, name, value),
            )


def _value(theirs: str, kind: str) -> str:
    """SQL: a column's value; null where it is none of its kind. A day is a moment here."""
    if kind == "double":
        return given.number(theirs)
    return f"try_cast({identifier(theirs)} as {'timestamp' if kind == 'date' else kind})"


def _typed(called: dict[str, str], tells: frozenset[str]) -> str:
    def of(name: str, kind: str) -> str:
        return _value(called[name], kind)

    columns = [f"{of(name, kind)} as {name}" for name, kind in NEEDED.items()]
    for name, kind in MORE.items():
        told = of(name, kind) if name in tells else "null"
        columns.append(f"cast({told} as {'timestamp' if kind == 'date' else kind}) as {name}")
    if STATUS in called:
        return f"select {', '.join(columns)}, {of(STATUS, 'varchar')} as {STATUS} from rows"  # noqa: S608
    won, closed = of(WON, "boolean"), of(CLOSED, "boolean")
    status = f"""case when {won} then 'won' when not {closed} then 'open'
                      when {closed} and not {won} then 'lost'
                      else concat_ws(' and ', {of(CLOSED, "varchar")}, {of(WON, "varchar")}) end"""
    return f"select {', '.join(columns)}, {status} as {STATUS} from rows"  # noqa: S608


def _statuses(rows: pd.DataFrame, path: Path) -> pd.Series:
    """As open, won or lost."""
    ours = {word: status for status, words in WORDS.items() for word in words}
    found = rows[STATUS].str.strip().str.lower().map(ours)
    if found.isna().any():
        first = rows[found.isna()].iloc[0]
        strange, whose = first[STATUS], first["opportunity_id"]
        accepted = "; ".join(f"{status}: {', '.join(words)}" for status, words in WORDS.items())
        raise BadFile(
            f"{path}: status {strange!r} of opportunity {whose!r} is neither open, won nor lost:"
            f" write one of these ({accepted})"
        )
    return found


def _changes(rows: pd.DataFrame) -> pd.DataFrame:
    """Without rows that say what the row before has said."""
    said = rows.drop(columns="changed_at")
    before = said.shift()
    same = ((said == before) | (said.isna() & before.isna())).all(axis=1)
    return rows[~same].reset_index(drop=True)


def _beside(rows: pd.DataFrame) -> pd.DataFrame:
    """What is known of each row by the rows before it.

    Returns:
        The rows, and opened_at, status_since, stage_since (moments), stage_before (null: none),
        stage_stayed_days (in the stage that this row leaves, or ends in; else null), visit (how
        many stages it has been in, on the first row of each; else null), and counts and sums up to
        the row: changes, amount_changes, close_pushes, close_pushed_days.
    """
    of = rows["opportunity"]
    is_first = of != of.shift()
    is_open = rows[STATUS] == OPEN

    def since(moved: pd.Series) -> pd.Series:
        return rows["changed_at"].where(moved).ffill()

    stage_moved = is_first | (rows["stage"] != rows["stage"].shift())
    is_new = stage_moved & is_open & ~rows.where(is_open).duplicated(["opportunity", "stage"])
    later = (rows["expected_close_date"] - rows["expected_close_date"].shift()).dt.days
    later = later.where(~is_first & is_open & (later > 0), 0).fillna(0)
    amount = rows["amount_usd"].fillna(0)
    changed = ~is_first & (amount != amount.shift())
    counts = {
        "changes": ~is_first,
        "amount_changes": changed,
        "close_pushes": later > 0,
        "close_pushed_days": later,
    }
    stage_since = since(stage_moved)
    leaves = ~is_first & (stage_moved | (is_open.shift(fill_value=True) & ~is_open))
    stayed = (rows["changed_at"] - stage_since.shift()).dt.total_seconds() / 86_400
    return rows.assign(
        opened_at=since(is_first),
        status_since=since(is_first | (is_open != is_open.shift())),
        stage_since=stage_since,
        stage_moved=stage_moved,
        stage_before=rows["stage"].shift().where(~is_first),
        stage_stayed_days=stayed.where(leaves),
        visit=is_new.astype(int).groupby(of).cumsum().where(is_new),
        **{name: pd.Series(one, dtype=float).groupby(of).cumsum() for name, one in counts.items()},
    )
