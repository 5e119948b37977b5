"""Rows of a destination table as records, by pages: each is a short transaction of its own."""

import datetime as dt
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from jobs.crm.adapter import Record, shown
from jobs.crm.sql_session import Session, Work
from jobs.crm.sql_table import CHANGED_AT, REVISION, Named, Table, described
from jobs.sql import identifier


@dataclass(frozen=True)
class Rows:
    """The rows of a table, whose `key` is a record's id."""

    named: Named
    key: str
    table: Table

    @property
    def id(self) -> str:
        """SQL: the key's column."""
        return f"t.{identifier(self.key)}"

    def key_of(self, sql: str) -> str:
        """SQL: a text as a value of the key's column."""
        return f"({sql})::{self.table.cast(self.key)}"

    def select(
        self, work: Work, fields: Collection[str], asked: str, rest: str, *told: str
    ) -> list[tuple[str, Record]]:
        """Records, each with the text of its column `asked`.

        Args:
            rest: SQL from `where` on.
        """
        names = list(fields)
        texts = [f"t.{identifier(name)}::text as f{n}" for n, name in enumerate(names)]
        rows = work.run(
            f"select {self.id}::text as id, t.{REVISION}::text as revision, "  # noqa: S608 quoted
            f"t.{CHANGED_AT} as changed_at, t.{identifier(asked)}::text as asked"
            f"{''.join(f', {each}' for each in texts)} from {self.named.sql} t {rest}",
            *told,
        )
        known = [(f"f{n}", self.table.field(name)) for n, name in enumerate(names)]
        return [
            (
                row["asked"],
                Record(
                    id=row["id"],
                    revision=row["revision"],
                    changed_at=row["changed_at"],
                    values={field.name: shown(field, row[at]) for at, field in known},
                ),
            )
            for row in rows
        ]

    def among(
        self, work: Work, field: str, keys: Collection[str], fields: Collection[str]
    ) -> list[tuple[str, Record]]:
        """Records that have one of some values, each with its value."""
        where = f"where {self.table.among(field)}"
        return self.select(work, fields, field, where, json.dumps(list(keys)))


class Reading:
    """Pages of one table."""

    def __init__(self, session: Session, named: Named, key: str, page_records: int) -> None:
        self._session, self._named, self._key = session, named, key
        self._page_records = page_records
        self._rows: Rows | None = None

    @property
    def rows(self) -> Rows:
        """With what the catalog says, which is asked once."""
        if self._rows is None:
            with self._session.transaction() as work:
                table = described(work, self._named, self._key)
            self._rows = Rows(self._named, self._key, table)
        return self._rows

    def newest_change(self) -> dt.datetime | None:
        with self._session.transaction() as work:
            newest = f"select max({CHANGED_AT}) as newest from {self._named.sql}"  # noqa: S608 quoted
            found: dt.datetime | None = work.run(newest)[0]["newest"]
        return found

    def among(
        self, field: str, keys: Collection[str], fields: Collection[str]
    ) -> Iterator[tuple[str, Record]]:
        fitting = sorted(key for key in keys if self.rows.table.fits(field, key))
        for at in range(0, len(fitting), self._page_records):
            page = fitting[at : at + self._page_records]
            with self._session.transaction() as work:
                found = self.rows.among(work, field, page, fields)
            yield from found

    def by_key(self, fields: Collection[str]) -> Iterator[Record]:
        """All records: keys do not move, so none is missing, whatever the clock does."""
        page = self._page(fields, "true", self.rows.id)
        while page:
            yield from page
            after = f"{self.rows.id} > {self.rows.key_of('$1')}"
            page = self._page(fields, after, self.rows.id, page[-1].id)

    def since(self, fields: Collection[str], since: dt.datetime) -> Iterator[Record]:
        """Records by instant and key: what is written while we read moves to the end of the order,
        where we have not been yet."""
        at, order = f"t.{CHANGED_AT}", f"t.{CHANGED_AT}, {self.rows.id}"
        page = self._page(fields, f"{at} >= $1::timestamptz", order, since.isoformat())
        while page:
            yield from page
            after = f"({order}) > ($1::timestamptz, {self.rows.key_of('$2')})"
            page = self._page(fields, after, order, page[-1].changed_at.isoformat(), page[-1].id)

    def _page(self, fields: Collection[str], where: str, order: str, *told: str) -> list[Record]:
        rest = f"where {where} order by {order} limit {self._page_records}"
        rows = self.rows
        with self._session.transaction() as work:
            return [record for _, record in rows.select(work, fields, self._key, rest, *told)]
