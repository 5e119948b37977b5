"""Queries: rest:resources-query.html, resources-queryall.html, resources-query-more-results.html"""

import secrets
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from infra.sandbox.salesforce import soql
from infra.sandbox.salesforce.errors import ApiError
from infra.sandbox.salesforce.org import Org
from infra.sandbox.salesforce.schema import Column, SObject
from infra.sandbox.salesforce.values import as_json

CURSORS = 10  # of one user: the oldest goes; *assumed* to be so few
FEWEST = 200  # records of an answer that may be asked for
OPTION = "batchSize="  # of the header Sforce-Query-Options: rest:headers-query-options.html


@dataclass
class Found:
    """The records of a query, as they were when it was asked; their values are read page by page
    (*assumed*)."""

    sobject: SObject
    columns: list[Column]
    numbers: "array[int]"
    page: int = 0

    def rows(
        self,
        org: Org,
        first: int,
        count: int,
        shown: Callable[[Column], str] = lambda column: column.name,
    ) -> Iterator[tuple[Any, ...]]:
        """Some of them, each field as SQL selects it."""
        selected = [shown(column) for column in self.columns]
        return org.storage.rows(self.sobject, self.numbers[first : first + count], selected)


def found(org: Org, text: str, with_deleted: bool) -> Found:
    """Ask a query."""
    query = soql.parse(text, org.rights)
    where = query.where if with_deleted else f"{query.where} and IsDeleted = 0"
    numbers = org.storage.numbers(query.sobject, where, query.values, query.rest)
    return Found(query.sobject, query.columns, numbers)


class Cursors:
    """Queries whose records are not all told yet."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._open: dict[str, Found] = {}

    def first(self, text: str, with_deleted: bool, option: str, version: str) -> dict[str, Any]:
        made = found(self._org, text, with_deleted)
        made.page = self._org.habits.page_records
        if option.startswith(OPTION):
            made.page = min(made.page, max(FEWEST, int(option.removeprefix(OPTION))))
        if not made.columns:
            return {"totalSize": len(made.numbers), "done": True, "records": []}
        name = f"01g{secrets.token_hex(8)}"
        if len(made.numbers) > made.page:
            self._open[name] = made
            if len(self._open) > CURSORS:
                del self._open[next(iter(self._open))]
        return self._page(name, made, 0, version)

    def more(self, locator: str, version: str) -> dict[str, Any]:
        name, _, first = locator.rpartition("-")
        if name not in self._open or not first.isdigit():
            raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(name, self._open[name], int(first), version)

    def _page(self, name: str, of: Found, first: int, version: str) -> dict[str, Any]:
        records = [
            {
                "attributes": _attributes(of.sobject, version, row, of.columns),
                **{c.name: as_json(c, value) for c, value in zip(of.columns, row, strict=True)},
            }
            for row in of.rows(self._org, first, of.page)
        ]
        after = first + of.page
        told: dict[str, Any] = {"totalSize": len(of.numbers), "done": after >= len(of.numbers)}
        if not told["done"]:
            told["nextRecordsUrl"] = f"/services/data/v{version}/query/{name}-{after}"
        return told | {"records": records}


def _attributes(
    sobject: SObject, version: str, row: tuple[Any, ...], columns: list[Column]
) -> dict[str, str]:
    ids = [value for column, value in zip(columns, row, strict=True) if column.name == "Id"]
    url = f"/services/data/v{version}/sobjects/{sobject.name}"
    return {"type": sobject.name, **({"url": f"{url}/{ids[0]}"} if ids else {})}
