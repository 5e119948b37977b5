"""What a folder of dropped files comes to: of each customer the newest row, held in memory."""

import datetime as dt
import json
from collections.abc import Collection, Iterator, Mapping

import duckdb

from jobs.crm import drop_cells
from jobs.crm.adapter import CrmError, Field, Record, Values
from jobs.crm.drop_folder import Dropped, Folder, Manifest
from jobs.sql import identifier

PAGE_RECORDS = 10_000
AMONG = "in (select unnest(from_json($1::json, '[\"varchar\"]')))"


class Fold:
    """The rows of a folder, brought up to date file by file."""

    def __init__(
        self, folder: Folder, fields: Mapping[str, Field], key: str, page_records: int
    ) -> None:
        self._folder, self._fields, self._key = folder, fields, key
        self._page_records = page_records
        # nothing of customers is spilled to a disk
        self._db = duckdb.connect(config={"temp_directory": ""})
        self._taken = Manifest("", key)

    def refreshed(self) -> Manifest:
        """Take in what was dropped since; returns the manifest.

        Raises:
            CrmError: the folder is not in use, is for another key, or a file is damaged.
        """
        now, before = self._folder.manifest(), self._taken
        if now is None:
            raise CrmError(
                "data", f"{self._folder.place} was not taken into use: install it (docs/drops.md)"
            )
        if now.key != self._key:
            raise CrmError(
                "data", f"{self._folder.place} is keyed by {now.key}, the connection by {self._key}"
            )
        known = len(before.files)
        if (before.instance, before.files) != (now.instance, now.files[:known]):
            self._begin()
            known = 0
        for file in now.files[known:]:
            self._take(file, self._folder.content(file))
        self._taken = now
        return now

    def added(self, manifest: Manifest, content: bytes) -> None:
        """Take in what we dropped just now: the manifest's last file."""
        self._take(manifest.files[-1], content)
        self._taken = manifest

    def rows(self, keys: Collection[str]) -> dict[str, tuple[str, Values]]:
        """Revision and values of whole rows, by key."""
        records = (record for _, record in self.among(self._key, keys, list(self._fields)))
        return {record.id: (record.revision, record.values) for record in records}

    def among(
        self, field: str, values: Collection[str], fields: Collection[str]
    ) -> Iterator[tuple[str, Record]]:
        """Records that have one of some values, each with its value."""
        asked = self._column(field)
        told = json.dumps([value for value in values if drop_cells.is_plain(value)])
        return self._found(f"{asked} {AMONG}", told, asked, fields)

    def since(self, since: dt.datetime | None, fields: Collection[str]) -> Iterator[Record]:
        """Records that were dropped at an instant or later (null: all)."""
        files = self._taken.files
        later = (f.sequence for f in files if since is None or f.dropped_at >= since)
        first = next(later, len(files) + 1)
        for _, record in self._found("sequence >= $1::bigint", str(first), "null", fields):
            yield record

    def _begin(self) -> None:
        names = ", ".join(f"{identifier(name)} varchar" for name in self._fields)
        self._db.execute(f"create or replace table state (sequence bigint, {names})")

    def _take(self, file: Dropped, content: bytes) -> None:
        key, rows = identifier(self._key), drop_cells.read(content, file.columns, self._fields)
        self._db.register("arrived", rows)
        self._db.execute("begin")
        self._db.execute(f"delete from state where {key} in (select {key} from arrived)")  # noqa: S608 quoted
        self._db.execute(f"insert into state select {file.sequence}, * from arrived")  # noqa: S608
        self._db.execute("commit")
        self._db.unregister("arrived")

    def _found(
        self, where: str, told: str, asked: str, fields: Collection[str]
    ) -> Iterator[tuple[str, Record]]:
        shown = ", ".join([identifier(self._key), "sequence", asked, *map(self._column, fields)])
        files = self._taken.files
        # of its own: rows are still fetched while more are taken in
        with self._db.cursor() as cursor:
            cursor.execute(f"select {shown} from state where {where}", [told])  # noqa: S608 quoted
            while page := cursor.fetchmany(self._page_records):
                for key, sequence, value, *texts in page:
                    values = dict(zip(fields, texts, strict=True))
                    at = files[sequence - 1].dropped_at
                    yield value, Record(key, str(sequence), at, values)

    def _column(self, name: str) -> str:
        """SQL: a field; one that the folder does not have is empty."""
        return identifier(name) if name in self._fields else "null"
