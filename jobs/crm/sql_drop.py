"""A table of PostgreSQL as destination, exactly once: a row per customer, updated and created.

A batch is one transaction, in which a row of a side table says what became of it: so an answer that
was lost is found out for certain, and at once. Each write carries the row's revision, which a
trigger moves: an edit between our read and our write refuses it. docs/drops.md.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial

from jobs.crm import sql_writing
from jobs.crm.access import Access, Options
from jobs.crm.adapter import Change, CrmError, Description, Quota, Record, Result, untold
from jobs.crm.sql_reading import Reading
from jobs.crm.sql_session import REQUEST_SECONDS, Session
from jobs.crm.sql_table import Named
from jobs.crm.writing import failed, found_out, records_of

BATCH_RECORDS = 2000
PAGE_RECORDS = 5000
OPTIONS = Options(("table", "key"), ("fields", "request_seconds"))  # fields: for `install`


class SqlDrop:
    """Rows of one table."""

    def __init__(
        self,
        session: Session,
        table: str,
        key: str,
        request_seconds: float = REQUEST_SECONDS,
        page_records: int = PAGE_RECORDS,
    ) -> None:
        self._session, self._named, self._key = session, Named.of(table), key
        self._reading = Reading(session, self._named, key, page_records)
        self._request_seconds, self._page_records = request_seconds, page_records

    def describe(self) -> Description:
        told = f"""
            select current_setting('server_version') as version,
                   has_column_privilege($1, $2, 'insert') as may_create,
                   (select batch from {self._named.marks.sql} where state = 'installed') as instance
        """  # noqa: S608 quoted
        table = self._reading.rows.table
        with self._session.transaction() as work:
            (found,) = work.run(told, self._named.sql, self._key)
        if found["instance"] is None:
            raise CrmError("data", f"{self._named.marks.sql} has no row `installed`: install it")
        return Description(
            system="postgresql",
            version=found["version"].split()[0],
            instance=found["instance"],
            fields=table.fields,
            enforced_keys=table.keys,
            can_create=found["may_create"],
            batch_records=BATCH_RECORDS,
            page_records=self._page_records,
            request_seconds=self._request_seconds,
            is_conditional=True,
        )

    def quota(self) -> Quota | None:
        return None

    def newest_change(self) -> dt.datetime | None:
        return self._reading.newest_change()

    def read(self, fields: Collection[str], since: dt.datetime | None = None) -> Iterator[Record]:
        return self._reading.by_key(fields) if since is None else self._reading.since(fields, since)

    def get(self, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        return {record.id: record for _, record in self._reading.among(self._key, ids, fields)}

    def find(
        self, field: str, keys: Collection[str], fields: Collection[str]
    ) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = {key: [] for key in keys}
        for key, record in self._reading.among(field, keys, {field, *fields}):
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
            rows = self._reading.rows
            with self._session.transaction() as work:
                results = sql_writing.write(work, rows, mark, batch)
        except CrmError as error:
            return failed(batch, error)
        return results

    def poll(
        self, batch: Sequence[Change], sent_at: dt.datetime, job: str | None = None
    ) -> list[Result]:
        if job is None:
            return found_out(batch, sent_at, self._request_seconds, partial(records_of, self))
        with self._session.transaction() as work:
            return sql_writing.became(work, self._named, job, batch)


def connect(access: Access) -> SqlDrop:
    """The table of an access: its options name it, and its customers' key."""
    seconds = access.request_seconds(REQUEST_SECONDS)
    return SqlDrop(
        Session(access, seconds), access.options["table"], access.options["key"], seconds
    )
