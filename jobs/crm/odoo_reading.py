"""Odoo's partners with their scores, as records, page by page."""

import datetime as dt
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from jobs.crm.adapter import Change, Field, Record
from jobs.crm.json2 import Session
from jobs.crm.odoo_values import (
    KNOWN,
    PARTNER,
    SCORE,
    SCORES,
    Place,
    at_odoo,
    fields,
    halves,
    instant,
    parted,
    places,
    values,
)

LOGINS_OF_ODOO = ("public", "portaltemplate")
BLACKLIST = "mail.blacklist"

Domain = Sequence[Any]
Row = Mapping[str, Any]


class Reader:
    """Reads by one session; what the CRM says of fields is asked once."""

    def __init__(self, session: Session, page_records: int) -> None:
        self._session, self._page_records = session, page_records

    @cached_property
    def fields(self) -> dict[str, Field]:
        return fields(self._of_partner, self._of_score)

    @property
    def has_scores(self) -> bool:
        return SCORES in self._of_partner

    @cached_property
    def no_customers(self) -> list[int]:
        """Partners that are the company itself, or patterns of Odoo's."""
        companies = self.search("res.company", [], ["partner_id"])
        users = self.search("res.users", [["login", "in", LOGINS_OF_ODOO]], ["partner_id"])
        return [row["partner_id"] for row in [*companies, *users]]

    def newest(self, domain: Domain) -> dt.datetime | None:
        """Instant of the last write to a partner or a score."""
        last: dict[str, Any] = {"order": "write_date desc", "limit": 1}
        rows = self.search(PARTNER, domain, ["write_date"], **last)
        if self.has_scores:
            rows += self.search(SCORE, [], ["write_date"], **last)
        return max((instant(row["write_date"]) for row in rows), default=None)

    def written_since(self, at: dt.datetime) -> list[Any]:
        """Domain of partners that were written, put on the blacklist or taken from it, or have a
        score that was written, at an instant or later."""
        since = at_odoo(at)
        domain: list[Any] = [["write_date", ">=", since]]
        if self.has_scores:
            domain = ["|", *domain, [f"{SCORES}.write_date", ">=", since]]
        if listed := self._listed_since(since):
            domain = ["|", *domain, ["email_normalized", "in", listed]]
        return domain

    def _listed_since(self, since: str) -> list[str]:
        """E-mail addresses: that one is blacklisted is no write to its partner."""
        if not self._may_read_blacklist:
            return []
        rows = self.search(BLACKLIST, [["write_date", ">=", since]], ["email"])
        return [str(row["email"]) for row in rows]

    @cached_property
    def _may_read_blacklist(self) -> bool:
        """`install` grants it; one that was made before it did has not."""
        return bool(self._session.call(BLACKLIST, "has_access", [], operation="read"))

    def by_id(
        self, domain: Domain, names: Collection[str], most: float = math.inf
    ) -> Iterator[Record]:
        """All records of a domain; after each, those that were merged into it.

        Args:
            most: so many there are at most.
        """
        last, of = 0, places(names, self.fields)
        while rows := self._rows([["id", ">", last], *domain], names):
            scores = self._scores(rows, names)
            for row in rows:
                yield from self._records(row, scores[row["id"]], of)
            if len(rows) < self._page_records or len(rows) >= most:
                return
            last = rows[-1]["id"]

    def among(
        self, field: str, wanted: Sequence[Any], domain: Domain, names: Collection[str]
    ) -> Iterator[Record]:
        """Records by the values of a field."""
        for at in range(0, len(wanted), self._page_records):
            page = wanted[at : at + self._page_records]
            most = len(page) if field == "id" else math.inf
            found = self.by_id([[field, "in", page], *domain], names, most)
            yield from (record for record in found if record.merged_into is None)

    def _records(self, row: Row, scores: Sequence[Row], of: Sequence[Place]) -> Iterator[Record]:
        own: Row = next((score for score in scores if score["x_name"] == str(row["id"])), {})
        written = [row["write_date"], own.get("write_date", "")]
        record = Record(
            id=str(row["id"]),
            revision="/".join(written),
            changed_at=max(instant(each) for each in written if each),
            values=values(row, own, of),
            is_active=row["active"],
        )
        yield record
        for score in scores:
            # a merge moves the loser's score to the survivor; it still names the loser
            if score is not own:
                yield Record(
                    id=str(score["x_name"]),
                    revision=record.revision,
                    changed_at=record.changed_at,
                    values={place.name: None for place in of},
                    is_active=False,
                    merged_into=record.id,
                )

    def _rows(self, domain: Domain, names: Collection[str]) -> list[Row]:
        own, _ = parted(names)
        wanted = sorted({*own, "active", "write_date"})
        return self.search(PARTNER, domain, wanted, order="id", limit=self._page_records)

    def _scores(self, rows: Sequence[Row], names: Collection[str]) -> dict[int, list[Row]]:
        """Rows of scores, by partner."""
        found: dict[int, list[Row]] = {row["id"]: [] for row in rows}
        if not self.has_scores:
            return found
        _, scored = parted(names)
        known = [f"{name}{KNOWN}" for name in scored if f"{name}{KNOWN}" in self._of_score]
        wanted = [*scored, *known, "x_name", "x_partner_id", "write_date"]
        for row in self.search(SCORE, [["x_partner_id", "in", list(found)]], wanted):
            found[row["x_partner_id"]].append(row)
        return found

    def search(self, model: str, domain: Domain, names: Sequence[str], **order: Any) -> list[Row]:
        # without `load` a related record comes with its name, which takes longer than all the rest
        named = {"domain": list(domain), "fields": list(names), "load": "", **order}
        return list(self._session.call(model, "search_read", **named))

    @cached_property
    def _of_partner(self) -> dict[str, Any]:
        return dict(self._session.call(PARTNER, "fields_get"))

    @cached_property
    def _of_score(self) -> dict[str, Any]:
        return dict(self._session.call(SCORE, "fields_get")) if self.has_scores else {}


def and_late(
    written: Callable[[dt.datetime | None], Iterator[Record]],
    since: dt.datetime | None,
    began: dt.datetime,
) -> Iterator[Record]:
    """Records written since an instant, and once more those that are written while we read them.

    Pages go by id: it does not move, and Odoo tells instants in whole seconds only.

    Args:
        written: reads, by id, what was written at an instant or later; of null: all.
        began: the newest write when we began.
    """
    fresh: dict[str, str] = {}
    for record in written(since):
        if record.changed_at >= began:
            fresh[record.id] = record.revision
        yield record
    for record in written(began):
        if fresh.get(record.id) != record.revision:
            yield record


def as_of_sending(record: Record, change: Change) -> Record | None:
    """A record of two rows, for the look after a lost answer; null: it must be sent again.

    A row of which nothing was to be written, or that is as we wrote it, does not count as moved:
    what is missing of the other may be sent again.
    """
    if change.record_id is None:
        return None if _lacks_score(record, change) else record
    now = record.revision.split("/")
    for at, (before, part) in enumerate(
        zip(change.revision.split("/"), halves(change.values), strict=True)
    ):
        if all(record.values[name] == value for name, value in part.items()):
            now[at] = before
    return replace(record, revision="/".join(now))


def _lacks_score(record: Record, change: Change) -> bool:
    _, of_score = halves(change.values)
    return bool(of_score) and record.revision.endswith("/")
