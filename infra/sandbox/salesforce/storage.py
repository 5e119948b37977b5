"""Records of the double, in a SQLite file: a million of them, and they outlive a restart.

What stands in a statement itself are names of the schema and numbers; values are bound.
"""

import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.sandbox.salesforce import ids
from infra.sandbox.salesforce.schema import Column, SObject
from infra.sandbox.salesforce.values import TEXTS

PAGE = 1000  # records that one statement fetches


class Storage:
    """One table per object. A record's number is its row's, and its id is made of it."""

    def __init__(self, objects: Iterable[SObject], path: Path) -> None:
        # the threads of tests take turns: the server has one that asks
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # what a killed process has written is the file's; a power cut is no matter here
        self._db.execute("pragma synchronous = off")
        self._db.execute("pragma journal_mode = memory")
        for sobject in objects:
            self._create(sobject)

    def close(self) -> None:
        self._db.close()

    def _create(self, sobject: SObject) -> None:
        name = sobject.name
        # autoincrement: a number is not used again
        columns = ["number integer primary key autoincrement"]
        columns += [_declared(column) for column in sobject.columns.values()]
        self._db.execute(f"create table if not exists {name} ({', '.join(columns)})")
        for of in ["Id", "SystemModstamp", *external_ids(sobject)]:
            self._db.execute(f"create index if not exists {name}_{of} on {name} ({of})")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written in it, or nothing if it ends by an error."""
        self._db.execute("begin")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def insert(self, sobject: SObject, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Add records; returns their ids."""
        made: list[str] = []
        last = self._db.execute("select seq from sqlite_sequence where name = ?", [sobject.name])
        first = (last.fetchone() or [0])[0] + 1

        def numbered() -> Iterator[list[Any]]:
            for number, row in enumerate(rows, first):
                made.append(ids.made(sobject.prefix, number))
                full = {**dict.fromkeys(sobject.columns), "IsDeleted": 0, **row, "Id": made[-1]}
                yield [number, *full.values()]

        places = ", ".join("?" * (len(sobject.columns) + 1))
        self._db.executemany(f"insert into {sobject.name} values ({places})", numbered())  # noqa: S608
        return made

    def begin_numbers(self, sobject: SObject, after: int) -> None:
        """The next record of an object that had none has the number after this one."""
        self._db.execute("insert into sqlite_sequence values (?, ?)", [sobject.name, after])

    def update(self, sobject: SObject, number: int, values: Mapping[str, Any]) -> None:
        sets = ", ".join(f"{name} = ?" for name in values)
        told = f"update {sobject.name} set {sets} where number = ?"  # noqa: S608
        self._db.execute(told, [*values.values(), number])

    def purge(self, sobject: SObject) -> None:
        """All records go, those in the recycle bin too; numbers are not used again."""
        self._db.execute(f"delete from {sobject.name}")  # noqa: S608

    def numbers(
        self, sobject: SObject, where: str, values: Sequence[Any] = (), rest: str = ""
    ) -> "array[int]":
        """Of the records that fit, in order."""
        told = f"select number from {sobject.name} where {where} {rest}"  # noqa: S608
        return array("q", (number for (number,) in self._db.execute(told, values)))

    def find(self, sobject: SObject, name: str, value: Any) -> list[tuple[int, str, int]]:
        """Number, id and IsDeleted of the records with a value."""
        told = f"select number, Id, IsDeleted from {sobject.name} where {name} is ?"  # noqa: S608
        return self._db.execute(told, [value]).fetchall()

    def rows(
        self, sobject: SObject, numbers: Sequence[int], selected: Sequence[str]
    ) -> Iterator[tuple[Any, ...]]:
        """Fields of records, or what SQL makes of them, in the order of the numbers; one that was
        purged is left out."""
        columns = ", ".join(["number", *selected])
        for at in range(0, len(numbers), PAGE):
            page = numbers[at : at + PAGE]
            among = ", ".join(map(str, page))
            told = f"select {columns} from {sobject.name} where number in ({among})"  # noqa: S608
            found = {row[0]: row[1:] for row in self._db.execute(told)}
            yield from (found[number] for number in page if number in found)


def external_ids(sobject: SObject) -> list[str]:
    return [column.name for column in sobject.columns.values() if column.is_external_id]


def _declared(column: Column) -> str:
    """Text compares without case (soql_sosl: sforce_api_calls_soql_select_comparisonoperators)."""
    if column.type in {"id", "reference"}:
        return f"{column.name} text"
    return f"{column.name} text collate nocase" if column.type in TEXTS else f"{column.name} real"
