"""What a search sees: each record as it was some time ago, and never more than 10,000 of them."""

import datetime as dt
import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count
from typing import Any

from infra.sandbox.hubspot.properties import MERGED, Property, shown_instant

# https://developers.hubspot.com/docs/api-reference/2026-03/crm/search-the-crm
MOST_HITS, PAGE, DEFAULT_PAGE = 10_000, 200, 10
# see docs/hubspot.md
MOST_GROUPS, MOST_FILTERS = 5, 10

Instant = int  # milliseconds since 1970, as HubSpot counts


@dataclass(frozen=True)
class Version:
    """A record as one write left it."""

    id: str
    properties: Mapping[str, str]  # empty: was cleared
    created: Instant
    updated: Instant
    archived: Instant | None = None
    merged: tuple[str, ...] = ()  # ids that it was made of

    def value(self, name: str) -> str | None:
        """A property's value as answers have it; null where there never was one."""
        match name:
            case "hs_object_id":
                return self.id
            case "createdate":
                return instant(self.created)
            case "lastmodifieddate":
                return instant(self.updated)
        if name == MERGED:
            return ";".join(self.merged) or None
        return self.properties.get(name)

    def written(self, values: Mapping[str, str], now: Instant) -> "Version":
        return replace(self, properties={**self.properties, **values}, updated=now)


class NotSearched(ValueError):
    """A search that HubSpot refuses, or that this double cannot do."""


class Index:
    """Records as searches see them.

    Args:
        lag_created: seconds until a new record is found.
        lag_updated: seconds until a changed one is found as it is.
    """

    def __init__(self, lag_created: float, lag_updated: float) -> None:
        self._lags = {True: round(lag_created * 1000), False: round(lag_updated * 1000)}
        self._due: list[tuple[Instant, int, Version]] = []
        self._order = count()
        self._seen: dict[str, Version] = {}

    def note(self, version: Version, now: Instant, is_new: bool = False) -> None:
        """A record was written."""
        heapq.heappush(self._due, (now + self._lags[is_new], next(self._order), version))

    def start(self, versions: Iterable[Version]) -> None:
        """These records, and no others, are there and found."""
        self._due.clear()
        self._seen = {version.id: version for version in versions}

    def search(
        self, request: Mapping[str, Any], properties: Mapping[str, Property], now: Instant
    ) -> tuple[list[Version], int, str | None]:
        """A page of hits, how many there are, and where the next page begins."""
        limit, after = request.get("limit", DEFAULT_PAGE), request.get("after") or "0"
        if not 0 < limit <= PAGE or not after.isdigit() or int(after) + limit > MOST_HITS:
            raise NotSearched(f"pages have up to {PAGE} hits, and end at {MOST_HITS:,}")
        self._catch_up(now)
        matches = _matching(request.get("filterGroups") or [], properties)
        hits = [version for version in self._seen.values() if matches(version)]
        hits.sort(key=lambda version: int(version.id))
        if sorts := request.get("sorts"):
            if len(sorts) > 1:
                raise NotSearched("one sort is allowed")
            _sort(hits, sorts[0], properties)
        end = int(after) + limit
        return hits[int(after) : end], len(hits), str(end) if end < len(hits) else None

    def _catch_up(self, now: Instant) -> None:
        while self._due and self._due[0][0] <= now:
            *_, version = heapq.heappop(self._due)
            known = self._seen.get(version.id)
            if version.archived is not None:
                self._seen.pop(version.id, None)
            # a record that is found 60 s after its change may have been archived meanwhile
            elif known is None or known.updated <= version.updated:
                self._seen[version.id] = version


def instant(at: Instant) -> str:
    return shown_instant(dt.datetime.fromtimestamp(at / 1000, dt.UTC))


def _sort(hits: list[Version], told: Mapping[str, str], properties: Mapping[str, Property]) -> None:
    of = _property(told["propertyName"], properties)
    is_down = told.get("direction") == "DESCENDING"
    hits.sort(key=lambda version: _found(of, version), reverse=is_down)


def _matching(
    groups: list[dict[str, Any]], properties: Mapping[str, Property]
) -> Callable[[Version], bool]:
    """Whether a record has all that one of the groups asks for."""
    if len(groups) > MOST_GROUPS or any(len(g["filters"]) > MOST_FILTERS for g in groups):
        raise NotSearched(f"up to {MOST_GROUPS} groups of up to {MOST_FILTERS} filters are allowed")
    tests = [[_test(told, properties) for told in group["filters"]] for group in groups]
    return lambda version: not tests or any(all(t(version) for t in group) for group in tests)


def _test(told: dict[str, Any], properties: Mapping[str, Property]) -> Callable[[Version], bool]:
    of = _property(told["propertyName"], properties)
    if told["operator"] in {"IN", "NOT_IN"}:
        wanted = {_comparable(of, value) for value in told["values"]}
        return lambda v: (_found(of, v) in wanted) == (told["operator"] == "IN")
    if told["operator"] in {"HAS_PROPERTY", "NOT_HAS_PROPERTY"}:
        return lambda v: bool(v.value(of.name)) == (told["operator"] == "HAS_PROPERTY")
    compared: dict[str, Callable[[Any, Any], bool]] = {
        "EQ": lambda a, b: a == b,
        "NEQ": lambda a, b: a != b,
        "LT": lambda a, b: a < b,
        "LTE": lambda a, b: a <= b,
        "GT": lambda a, b: a > b,
        "GTE": lambda a, b: a >= b,
    }
    if told["operator"] not in compared or "value" not in told:
        raise NotSearched(f"this double cannot search by {told['operator']}")
    compare, value = compared[told["operator"]], _comparable(of, told["value"])
    return lambda v: bool(v.value(of.name)) and compare(_found(of, v), value)


def _property(name: str, properties: Mapping[str, Property]) -> Property:
    if name not in properties:
        raise NotSearched(f"there is no property {name}")
    return properties[name]


def _found(of: Property, version: Version) -> Any:
    if of.name == "lastmodifieddate":
        return version.updated  # what nearly every search asks for
    return _comparable(of, version.value(of.name) or "")


def _comparable(of: Property, value: str) -> Any:
    """A value as it is compared: numbers and instants by size, texts without case."""
    if of.form[0] == "number":
        return Decimal(value or "-Infinity")
    if of.form[0] in {"date", "datetime"}:
        if not value or value.lstrip("-").isdigit():
            return int(value or 0)
        at = dt.datetime.fromisoformat(value)
        return round((at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp() * 1000)
    return value.casefold()
