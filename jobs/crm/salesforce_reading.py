"""Salesforce's records as queries tell them: by pages, or by a bulk job where there are many.

https://developer.salesforce.com/docs/platform/api-rest/guide/resources-queryall.html
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from jobs.crm.adapter import Field, Record, Shown
from jobs.crm.salesforce_session import Connection
from jobs.crm.salesforce_values import field, in_address, instant, literal

# Salesforce takes 16,384 bytes; servers between us and it often no more than 8,190
ADDRESS_BYTES = 7500

# Where the object has them: into what a record went when it was merged, or a lead was converted
SUCCESSORS = ("MasterRecordId", "ConvertedContactId")
OF_EVERY_RECORD = ("Id", "IsDeleted", "SystemModstamp", "LastModifiedById")

Row = Mapping[str, Any]


class Reading:
    """Records of one object.

    Args:
        by_job: answers a query of many records; it is asked from `many` records on.
    """

    def __init__(
        self,
        connection: Connection,
        sobject: str,
        by_job: Callable[[str], Iterator[Row]],
        many: int,
    ) -> None:
        self._connection, self._object = connection, sobject
        self._by_job, self._many = by_job, many

    @cached_property
    def told(self) -> Mapping[str, Any]:
        """What the CRM says of the object; of fields only those that we may see."""
        told: Mapping[str, Any] = self._connection.get(f"sobjects/{self._object}/describe")
        return told

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        return {told["name"]: field(told) for told in self.told["fields"]}

    def organisation(self) -> str:
        [found] = self._rows("SELECT Id FROM Organization", "query")
        return str(found["Id"])

    def newest(self) -> Iterator[Record]:
        soql = f"{self._select([])} WHERE {self._there()} ORDER BY SystemModstamp DESC LIMIT 1"
        return self._records(soql, [])

    def since(self, at: dt.datetime | None, names: Collection[str]) -> Iterator[Record]:
        """Records written at or after an instant; without one all."""
        where = self._there()
        if at is not None:
            where += f" AND SystemModstamp >= {instant(at)}"
        return self._records(f"{self._select(names)} WHERE {where}", names)

    def among(self, name: str, values: Collection[str], names: Collection[str]) -> Iterator[Record]:
        """Records that have one of some canonical values in a field."""
        kind = self.fields[name].kind if name in self.fields else "text"
        select = f"{self._select(names)} WHERE {self._there()} AND {name} IN"
        for some in _fitting(select, [literal(kind, value) for value in sorted(values)]):
            yield from self._records(f"{select} ({','.join(some)})", names)

    def _there(self) -> str:
        """Whatever is not in the recycle bin, and of that what was merged."""
        merged = " OR MasterRecordId != null" if "MasterRecordId" in self.fields else ""
        return f"(IsDeleted = false{merged})"

    def _select(self, names: Collection[str]) -> str:
        successors = [name for name in SUCCESSORS if name in self.fields]
        wanted = dict.fromkeys([*OF_EVERY_RECORD, *successors, *sorted(names)])
        return f"SELECT {', '.join(wanted)} FROM {self._object}"  # noqa: S608 names, no values

    def _records(self, soql: str, names: Collection[str]) -> Iterator[Record]:
        known: dict[str, Shown] = {}
        for row in self._rows(soql, "queryAll"):
            # not before: that a field is not there is the CRM's to say
            known = known or {name: Shown(self.fields[name]) for name in names}
            yield _record(row, known)

    def _rows(self, soql: str, resource: str) -> Iterator[Row]:
        page = self._connection.get(f"{resource}?q={in_address(soql)}")
        if page["totalSize"] >= self._many:
            # no ORDER BY in there: it keeps Salesforce from parting the query
            yield from self._by_job(soql)
            return
        yield from page["records"]
        while not page["done"]:
            page = self._connection.get(page["nextRecordsUrl"])
            yield from page["records"]


def _fitting(select: str, values: Sequence[str]) -> Iterator[list[str]]:
    """Values in parts that fit into an address."""
    part: list[str] = []
    room = left = ADDRESS_BYTES - len(in_address(select))
    for value in values:
        size = len(in_address(value)) + 1
        if part and size > left:
            yield part
            part, left = [], room
        part.append(value)
        left -= size
    if part:
        yield part


def _record(row: Row, known: Mapping[str, Shown]) -> Record:
    """A row of a query in JSON, or of a job's CSV file, where all is text."""
    successor = next((row[name] for name in SUCCESSORS if row.get(name)), None)
    at = dt.datetime.fromisoformat(row["SystemModstamp"])
    return Record(
        id=row["Id"],
        # an instant is of a second: another user's write within the same one shows by its user
        revision=f"{instant(at)} {row['LastModifiedById']}",
        changed_at=at,
        values={name: texts.of(row[name]) for name, texts in known.items()},
        is_active=not successor,
        merged_into=successor,
    )
