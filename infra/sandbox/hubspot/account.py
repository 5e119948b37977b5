"""The records of the double's account: one state, one lock, and what each write does to it."""

import bisect
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from infra.sandbox.hubspot.index import Index, Instant, Version
from infra.sandbox.hubspot.properties import (
    VENDORS_GROUP,
    NotTaken,
    Property,
    standing,
    stored,
)
from jobs.crm.hubspot_install_parts import GROUP

# How a batch tells of the records that it does not take
#   each    the others are written, and each bad one is told (207)
#   whole   nothing is written (400)
#   silent  the others are written, of the bad ones nothing is told (207)
Telling = Literal["each", "whole", "silent"]
Input = Mapping[str, Any]
GROUPS = {VENDORS_GROUP: "Contact information", GROUP["name"]: GROUP["label"]}


class Problem(Exception):
    """Why HubSpot does not do it, in its words."""

    def __init__(
        self,
        category: str,
        message: str,
        *,
        status: int = 400,
        context: Mapping[str, list[str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.category, self.message, self.status = category, message, status
        self.context = dict(context or {})


@dataclass(frozen=True)
class Done:
    """What became of one input of a batch."""

    version: Version
    trace: str | None
    is_new: bool = False


@dataclass
class Account:
    """Contacts of one account.

    Args:
        lag_created, lag_updated: seconds until a search finds what was written.
    """

    lag_created: float
    lag_updated: float
    portal: int = field(default_factory=lambda: secrets.randbelow(90_000_000) + 10_000_000)
    properties: dict[str, Property] = field(default_factory=standing)
    groups: dict[str, str] = field(default_factory=lambda: dict(GROUPS))  # name: label
    telling: Telling = "each"

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.index = Index(self.lag_created, self.lag_updated)
        self._records: dict[str, Version] = {}  # by id, which only grows
        self._merged_into: dict[str, str] = {}
        self._holders: dict[tuple[str, str], str] = {}  # of unique values
        self._last_id = 100_000
        self._last_instant = 0

    def now(self) -> Instant:
        """Milliseconds; never the same one twice, so that a write always moves its record.

        Of one batch all records carry one instant.
        """
        self._last_instant = max(round(time.time() * 1000), self._last_instant + 1)
        return self._last_instant

    def current(self, told: str, by: str | None = None) -> Version | None:
        """The record that an id, or a unique value, leads to now; null: none, or archived."""
        with self.lock:
            at: str | None = told
            if by:
                at = self._holders.get((by, _held(by, told)))
            while at in self._merged_into:
                at = self._merged_into[at]
            record = self._records.get(at) if at else None
            return record if record and record.archived is None else None

    def page(self, after: str, limit: int, is_archived: bool) -> tuple[list[Version], str | None]:
        """Records by id, and the last one's where there are more."""
        page: list[Version] = []
        with self.lock:
            ids = list(self._records)
            for at in ids[bisect.bisect_right(ids, int(after), key=int) :]:
                record = self._records[at]
                if (record.archived is not None) == is_archived and at not in self._merged_into:
                    page.append(record)
                if len(page) > limit:
                    return page[:limit], page[limit - 1].id
        return page, None

    def update(self, inputs: Sequence[Input]) -> tuple[list[Done], list[Problem]]:
        return self._batch(inputs, self._updated)

    def upsert(self, inputs: Sequence[Input]) -> tuple[list[Done], list[Problem]]:
        return self._batch(inputs, self._upserted)

    def start(self, records: Iterable[Mapping[str, str]]) -> None:
        """The account has these contacts now, and no others; a search finds them at once."""
        with self.lock:
            self._records, self._merged_into, self._holders = {}, {}, {}
            told = list(records)
            for ago, values in zip(range(len(told), 0, -1), told, strict=True):
                at = round(time.time() * 1000) - ago
                self._keep(Version(self._new_id(), dict(values), at, at))
            self.index.start(self._records.values())

    def write(self, records: Sequence[Version], values: Mapping[str, str]) -> None:
        """Write into records as a person does; all of them carry one instant."""
        with self.lock:
            now = self.now()
            for record in records:
                taken = self._taken(values, record)
                self._kept(record, record.written(taken, now), now)

    def archive(self, record: Version) -> None:
        with self.lock:
            now = self.now()
            self._release(record)
            gone = replace(record, archived=now, updated=now)
            self._records[record.id] = gone
            self.index.note(gone, now)

    def merge(self, primary: Version, other: Version) -> Version:
        """Make one record of two; it is a new one, and both old ids lead to it."""
        with self.lock:
            for record in (primary, other):
                self.archive(record)
            now = self.now()
            ids = [*primary.merged, *other.merged, primary.id, other.id]
            values = {**other.properties, **{k: v for k, v in primary.properties.items() if v}}
            # what is unique can only be one record's: the primary's stays
            values |= {n: primary.properties.get(n, "") for n in self._unique() if n in values}
            made = Version(self._new_id(), values, primary.created, now, merged=tuple(ids))
            self._merged_into |= dict.fromkeys((primary.id, other.id), made.id)
            self._keep(made)
            self.index.note(made, now, is_new=True)
            return made

    def _batch(
        self, inputs: Sequence[Input], write: Callable[[Input, Instant], Done]
    ) -> tuple[list[Done], list[Problem]]:
        """Write a batch as HubSpot does: each alone where all carry an id of their own to be told
        by, all or none where not."""
        done: list[Done] = []
        problems: list[Problem] = []
        is_whole = self.telling == "whole" or not all(i.get("objectWriteTraceId") for i in inputs)
        with self.lock:
            now = self.now()
            before = (dict(self._records), dict(self._holders)) if is_whole else None
            for told in inputs:
                try:
                    done.append(write(told, now))
                except Problem as problem:
                    if trace := told.get("objectWriteTraceId"):
                        problem.context["objectWriteTraceId"] = [trace]
                    problems.append(problem)
            if problems and before:
                self._records, self._holders = before
                raise problems[0]
            for each in done:
                self.index.note(each.version, now, each.is_new)
        return done, [] if self.telling == "silent" else problems

    def _updated(self, told: Input, now: Instant) -> Done:
        record = self.current(told["id"], told.get("idProperty"))
        if record is None:
            raise Problem(
                "OBJECT_NOT_FOUND",
                "Could not get some CONTACT objects, they may be deleted or not exist. "
                "Check that ids are valid.",
                status=404,
                context={"ids": [told["id"]]},
            )
        version = record.written(self._taken(told["properties"], record), now)
        self._replace(record, version)
        return Done(version, told.get("objectWriteTraceId"))

    def _upserted(self, told: Input, now: Instant) -> Done:
        by = told.get("idProperty") or ""
        if by not in self._unique():
            raise Problem("VALIDATION_ERROR", f"Unable to perform update/upsert by non-unique {by}")
        if self.current(told["id"], by):
            return self._updated(told, now)
        values = self._taken({**told["properties"], by: told["id"]}, None)
        version = Version(self._new_id(), values, now, now)
        self._keep(version)
        return Done(version, told.get("objectWriteTraceId"), is_new=True)

    def _taken(self, values: Mapping[str, str], record: Version | None) -> dict[str, str]:
        """Values as they are kept, if all are taken."""
        kept: dict[str, str] = {}
        bad: list[dict[str, Any]] = []
        for name, value in values.items():
            try:
                kept[name] = self._one_taken(name, value, record)
            except NotTaken as reason:
                told = {
                    "isValid": False,
                    "message": str(reason),
                    "error": reason.code,
                    "name": name,
                }
                bad.append(told)
        if bad:
            names = {"propertyName": [each["name"] for each in bad]}
            told_all = json.dumps(bad)
            raise Problem(
                "VALIDATION_ERROR", f"Property values were not valid: {told_all}", context=names
            )
        return kept

    def _one_taken(self, name: str, value: str, record: Version | None) -> str:
        if name not in self.properties:
            raise NotTaken("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
        kept = stored(self.properties[name], value)
        holder = self._holders.get((name, kept)) if kept else None
        if holder and (record is None or holder != record.id):
            raise NotTaken("CONFLICTING_UNIQUE_VALUE", f"{holder} already has the value {kept}")
        return kept

    def _kept(self, before: Version, version: Version, now: Instant) -> None:
        self._replace(before, version)
        self.index.note(version, now)

    def _replace(self, before: Version, version: Version) -> None:
        self._release(before)
        self._keep(version)

    def _keep(self, version: Version) -> None:
        self._records[version.id] = version
        for name in self._unique():
            if value := version.properties.get(name):
                self._holders[name, value] = version.id

    def _release(self, version: Version) -> None:
        for name in self._unique():
            self._holders.pop((name, version.properties.get(name) or ""), None)

    def _unique(self) -> list[str]:
        return [name for name, each in self.properties.items() if each.is_unique]

    def _new_id(self) -> str:
        self._last_id += 1
        return str(self._last_id)


def _held(name: str, value: str) -> str:
    return value.strip().lower() if name == "email" else value.strip()
