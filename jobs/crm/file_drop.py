"""CSV files in a folder as destination: whatever takes them up finds each customer's newest row.

Each write is one file, never changed again, that `manifest.json` names with its size, its digest
and its place in the order. A file's rows are whole: an empty cell is an empty field. What was
dropped is read back, so it is compared like a CRM's records. docs/drops.md.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import pyarrow as pa

from jobs.crm import drop_cells
from jobs.crm.access import Access, Options
from jobs.crm.adapter import (
    Change,
    CrmError,
    Description,
    Field,
    NotCanonical,
    Quota,
    Record,
    Result,
    Values,
    canonical,
    untold,
)
from jobs.crm.drop_fold import PAGE_RECORDS, Fold
from jobs.crm.drop_folder import Dropped, Folder, Manifest, sha256
from jobs.crm.fields import told_fields
from jobs.crm.writing import by_subject, failed, found_out

BATCH_RECORDS = 10_000
OPTIONS = Options(("folder", "key", "fields"))


class FileDrop:
    """Rows of one folder."""

    def __init__(
        self,
        folder: Folder,
        fields: Mapping[str, Field],
        key: str,
        page_records: int = PAGE_RECORDS,
    ) -> None:
        self._folder, self._key, self._page_records = folder, key, page_records
        self._fields = {key: Field(key, "text"), **fields}
        self._fold = Fold(folder, self._fields, key, page_records)
        self._is_swept = False

    def describe(self) -> Description:
        return Description(
            system="files",
            version="1",
            instance=self._fold.refreshed().instance,
            fields=self._fields,
            enforced_keys=(self._key,),
            can_create=True,
            batch_records=BATCH_RECORDS,
            page_records=self._page_records,
            request_seconds=self._folder.request_seconds,
            is_conditional=True,
        )

    def quota(self) -> Quota | None:
        return None

    def newest_change(self) -> dt.datetime | None:
        files = self._fold.refreshed().files
        return files[-1].dropped_at if files else None

    def read(self, fields: Collection[str], since: dt.datetime | None = None) -> Iterator[Record]:
        self._fold.refreshed()
        return self._fold.since(since, fields)

    def get(self, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        self._fold.refreshed()
        return {record.id: record for _, record in self._fold.among(self._key, ids, fields)}

    def find(
        self, field: str, keys: Collection[str], fields: Collection[str]
    ) -> dict[str, list[Record]]:
        self._fold.refreshed()
        found: dict[str, list[Record]] = {key: [] for key in keys}
        for key, record in self._fold.among(field, keys, {field, *fields}):
            found[key].append(record)
        return found

    def write(
        self, batch: Sequence[Change], started: Callable[[str], None] = untold
    ) -> list[Result]:
        if not batch:
            return []
        mark = uuid.uuid4().hex
        started(mark)
        try:
            self._fold.refreshed()  # else the lock would make a folder of its own
            with self._folder.only_writer():
                return self._written(mark, batch)
        except CrmError as error:
            return failed(batch, error)

    def poll(
        self, batch: Sequence[Change], sent_at: dt.datetime, job: str | None = None
    ) -> list[Result]:
        self._fold.refreshed()
        with self._folder.only_writer():
            files = self._fold.refreshed().files
            dropped = next((file for file in files if file.batch == job), None)
            if dropped is None:
                return found_out(batch, sent_at, self._folder.request_seconds, self._look)
        content = self._folder.content(dropped)
        keys = set(drop_cells.read(content, dropped.columns, self._fields)[self._key].to_pylist())
        return [_told(change, _id(change) in keys) for change in batch]

    def _written(self, mark: str, batch: Sequence[Change]) -> list[Result]:
        manifest = self._fold.refreshed()
        if not self._is_swept:
            self._folder.sweep(manifest)
            self._is_swept = True
        there = self._fold.rows({_id(change) for change in batch})
        rows: dict[str, Values] = {}
        results = []
        for change in batch:
            at, found = _id(change), there.get(_id(change))
            result = _met(change, found, is_twice=at in rows)
            try:
                held = self._held(change)
            except CrmError as error:
                result = Result(change.subject, error.kind, str(error))
            if result is None:
                rows[at] = {**(found[1] if found else {}), **held}
                result = _told(change, is_there=True)
            results.append(result)
        if rows:
            self._drop(manifest, mark, rows)
        return results

    def _drop(self, manifest: Manifest, mark: str, rows: Mapping[str, Values]) -> None:
        schema = pa.schema([(name, pa.string()) for name in self._fields])
        content = drop_cells.written(
            pa.Table.from_pylist(list(rows.values()), schema), self._fields
        )
        number, now = len(manifest.files) + 1, dt.datetime.now(dt.UTC)
        if manifest.files:
            # a clock that was put back does not bring the order about
            now = max(now, manifest.files[-1].dropped_at)
        file = Dropped(
            name=f"{number:06d}-{mark}.csv",
            sequence=number,
            batch=mark,
            written_at=now.isoformat(),
            rows=len(rows),
            bytes=len(content),
            sha256=sha256(content),
            columns=tuple(self._fields),
        )
        self._fold.added(self._folder.add(manifest, file, content), content)

    def _look(self, batch: Sequence[Change]) -> dict[str, Record]:
        fields = sorted({name for change in batch for name in change.values})
        made = {c.key[1]: c.subject for c in batch if c.key and c.record_id is None}
        there = self.get({_id(change) for change in batch}, fields)
        new = {made[at]: record for at, record in there.items() if at in made}
        return by_subject(batch, there) | new

    def _held(self, change: Change) -> Values:
        """A change's values as the fields hold them.

        Raises:
            CrmError: one cannot hold its value.
        """
        held: dict[str, str | None] = {}
        for name, value in {self._key: _id(change), **change.values}.items():
            if name not in self._fields:
                raise CrmError("data", f"no_such_field {name}")
            try:
                held[name] = canonical(self._fields[name], value)
            except NotCanonical as error:
                raise CrmError("data", f"{error} {name}") from None
            if value is not None and not drop_cells.is_plain(value):
                raise CrmError("data", f"not_a_text {name}")
        # as it is known by: a blank at its end is a part of it
        return held | {self._key: _id(change)}


def connect(access: Access) -> FileDrop:
    """The folder of an access; its options say where it is and what its files hold."""
    told = access.options
    return FileDrop(Folder(told["folder"]), told_fields(told["fields"]), told["key"])


def _id(change: Change) -> str:
    if change.record_id is not None:
        return change.record_id
    assert change.key is not None
    return change.key[1]


def _told(change: Change, is_there: bool) -> Result:
    if not is_there:
        return Result(change.subject, "transient", "not_written")
    return Result(change.subject, "written", "", _id(change) if change.record_id is None else None)


def _met(change: Change, found: tuple[str, Values] | None, is_twice: bool) -> Result | None:
    """The result of a change that finds another record than it was made for; null: it does not."""
    if is_twice:
        return Result(change.subject, "conflict", "twice_in_batch")
    if change.record_id is None:
        if found is None:
            return None
        if all(found[1].get(name) == value for name, value in change.values.items()):
            return Result(change.subject, "written", "was_there", _id(change))
        return Result(change.subject, "conflict", "created_meanwhile")
    if found is None:
        return Result(change.subject, "conflict", "record_is_gone")
    is_ours = found[0] == change.revision
    return None if is_ours else Result(change.subject, "conflict", "changed_meanwhile")
