"""Records of any model of Odoo, such as opportunities: read only, related fields by their path."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from jobs.crm.adapter import CrmError, Field, Record
from jobs.crm.json2 import Session
from jobs.crm.objects import refuse_unknown
from jobs.crm.odoo_reading import and_late
from jobs.crm.odoo_values import Place, at_odoo, fields, instant, places, values

MISSING = "no_such_model_or_method"  # as json2 tells of it


class OdooObjects:
    """Records of a model; `partner_id.ref` is the field ref of the partner that a record names.

    Args:
        only: domain of the records.
    """

    def __init__(
        self, session: Session, model: str, only: Sequence[Any], page_records: int
    ) -> None:
        self._session, self._model, self._only = session, model, list(only)
        self._page_records = page_records

    def newest_change(self) -> dt.datetime | None:
        rows = self._session.call(
            *(self._model, "search_read"),
            domain=self._only,
            fields=["write_date"],
            order="write_date desc",
            limit=1,
        )
        return instant(rows[0]["write_date"]) if rows else None

    def read(self, fields: Collection[str], since: dt.datetime | None = None) -> Iterator[Record]:
        refuse_unknown(f"Odoo's {self._model}", self._told, fields)

        def written(at: dt.datetime | None) -> Iterator[Record]:
            return self.by_id([] if at is None else [["write_date", ">=", at_odoo(at)]], fields)

        began = self.newest_change()
        if began is not None:
            yield from and_late(written, since, began)

    def by_id(self, domain: Sequence[Any], names: Collection[str]) -> Iterator[Record]:
        """Records of a narrower domain, in the order of their ids."""
        own = [name for name in ("write_date", "active") if name in self._told]
        of = places(names, {n: self._fields.get(n, Field(n, "text")) for n in names})
        asked, last = specification([*names, *own]), 0
        while True:
            page = [*self._only, ["id", ">", last], *domain]
            told = self._session.call(
                *(self._model, "web_search_read"),
                domain=page,
                specification=asked,
                order="id",
                limit=self._page_records,
                count_limit=1,  # it would count all there are, for every page
            )
            # a short page is not the last: Odoo leaves out what the user may not see after it has
            # cut the page
            if not told["records"]:
                return
            yield from (self._record(row, of) for row in told["records"])
            last = told["records"][-1]["id"]

    def _record(self, row: Mapping[str, Any], of: Sequence[Place]) -> Record:
        flat = {place.at: at_path(row, place.at) for place in of}
        return Record(
            id=str(row["id"]),
            revision=row["write_date"],
            changed_at=instant(row["write_date"]),
            values=values(flat, {}, of),
            is_active=row.get("active", True),
        )

    @cached_property
    def _fields(self) -> dict[str, Field]:
        return fields(self._told, {})

    @cached_property
    def _told(self) -> dict[str, Any]:
        return dict(self._session.call(self._model, "fields_get"))


def has(session: Session, model: str) -> bool:
    """Whether Odoo has a model.

    Raises:
        CrmError: it may not be read, or cannot be reached; by JSON-RPC, before 19, also where there
            is none, which is told there like any other refusal.
    """
    try:
        may_read = session.call(model, "has_access", [], operation="read")
    except CrmError as error:
        if MISSING in str(error):
            return False
        raise
    if not may_read:
        raise CrmError("permission", f"Odoo's {model} may not be read: install again")
    return True


def specification(names: Collection[str]) -> dict[str, Any]:
    """What `web_search_read` is to give of a record and of those that it leads to."""
    asked: dict[str, Any] = {}
    for name in names:
        at = asked
        *path, last = name.split(".")
        for step in path:
            at = at.setdefault(step, {}).setdefault("fields", {})
        at.setdefault(last, {})
    return asked


def at_path(row: Mapping[str, Any], name: str) -> Any:
    """A field of a record, or of one that it leads to; false where the path ends before."""
    value: Any = row
    for step in name.split("."):
        value = value.get(step, False) if isinstance(value, Mapping) else False
    # asked for by itself and for a field of it: its id
    return value["id"] if isinstance(value, Mapping) else value
