"""HubSpot's records page by page: by id, by the instant of their last write, by unique values.

A search ends at 10,000 hits, and a record that moves while we count pages would push another one
over to a page that was read: so each page begins where the one before it ended.
https://developers.hubspot.com/docs/api-reference/2026-03/crm/search-the-crm
"""

import datetime as dt
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from jobs.crm.adapter import CrmError
from jobs.crm.hubspot_calls import Session

BATCH_RECORDS = 100  # of all batches, and of a page of a list
PAGE_RECORDS = 200  # of a search
SEARCH_LAG = 60.0  # seconds until a search surely finds a change [assumed: HubSpot names none]

MODIFIED = {"contacts": "lastmodifieddate"}
ELSEWHERE_MODIFIED = "hs_lastmodifieddate"

Row = Mapping[str, Any]


class Pages:
    """Rows of one object, as HubSpot's answers have them."""

    def __init__(
        self,
        session: Session,
        kind: str,
        search_lag: float = SEARCH_LAG,
        page_records: int = PAGE_RECORDS,
    ) -> None:
        self._session, self._kind = session, kind
        self._search_lag, self._page_records = search_lag, page_records
        self._modified = MODIFIED.get(kind, ELSEWHERE_MODIFIED)

    def all(self, properties: Sequence[str]) -> Iterator[Row]:
        """By id: ids do not move, so none is missing."""
        limit, after = min(self._page_records, BATCH_RECORDS), None
        while True:
            told = self._session.page(self._kind, properties, limit, after)
            yield from told["results"]
            after = told.get("paging", {}).get("next", {}).get("after")
            if after is None:
                return

    def among(
        self, ids: Collection[str], properties: Sequence[str], by: str | None = None
    ) -> Iterator[Row]:
        """By id or by a unique property; as they are now. Those that are not there are left out."""
        wanted = sorted(ids)
        for at in range(0, len(wanted), BATCH_RECORDS):
            body = {
                "inputs": [{"id": each} for each in wanted[at : at + BATCH_RECORDS]],
                "properties": properties,
                "propertiesWithHistory": [],
                **({"idProperty": by} if by else {}),
            }
            yield from self._session.batch("read", self._kind, body)["results"]

    def newest(self) -> Row | None:
        """The last one written, late by the search's lag."""
        rows = self._searched([], self._modified, [], "DESCENDING", limit=1)
        return rows[0] if rows else None

    def since(self, instant: dt.datetime, properties: Sequence[str]) -> Iterator[Row]:
        """By instant, from this one on: what was written before now is among them."""
        time.sleep(self._search_lag)
        at, seen = _milliseconds(instant), set[str]()
        while True:
            page = self._searched([(self._modified, "GTE", at)], self._modified, properties)
            yield from (row for row in page if row["id"] not in seen)
            if len(page) < self._page_records:
                return
            last = _updated(page[-1])
            seen = {row["id"] for row in page if _updated(row) == last}
            if last == at:
                # more of one instant than a page holds
                yield from (r for r in self._of_instant(at, properties) if r["id"] not in seen)
                last, seen = at + 1, set()
            at = last

    def _of_instant(self, at: int, properties: Sequence[str]) -> Iterator[Row]:
        last = 0
        while page := self._searched(
            [(self._modified, "EQ", at), ("hs_object_id", "GT", last)], "hs_object_id", properties
        ):
            yield from page
            last = int(page[-1]["id"])

    def _searched(
        self,
        filters: Sequence[tuple[str, str, int]],
        by: str,
        properties: Sequence[str],
        direction: str = "ASCENDING",
        limit: int | None = None,
    ) -> list[Row]:
        asked = [{"propertyName": n, "operator": o, "value": str(v)} for n, o, v in filters]
        body = {
            "filterGroups": [{"filters": asked}] if asked else [],
            "sorts": [{"propertyName": by, "direction": direction}],
            "properties": properties,
            "limit": limit or self._page_records,
        }
        rows: list[Row] = self._session.search(self._kind, body)["results"]
        place = _updated if by == self._modified else _number
        if any(place(one) > place(other) for one, other in pairwise(rows)):
            # it ignores a sort that it does not understand, and we would pass over records
            raise CrmError("data", f"{self._kind}: HubSpot's search did not sort by {by}")
        return rows


def instant_of(row: Row) -> dt.datetime:
    """When a record was written last."""
    return dt.datetime.fromisoformat(row["updatedAt"])


def _updated(row: Row) -> int:
    return _milliseconds(instant_of(row))


def _number(row: Row) -> int:
    return int(row["id"])


def _milliseconds(at: dt.datetime) -> int:
    """Since 1970, as HubSpot counts."""
    return (at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
