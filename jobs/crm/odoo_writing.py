"""Odoo writes a customer in two: fields of the partner, and the row of scores that belongs to it.

Each of the two may be sent twice. Of the partner, equal values go to many in one call: 20 times as
fast as one by one. Scores are all different, and go by `load`: an external id made of the partner's
makes one row per partner, however often it is sent.
"""

import hashlib
import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from jobs.crm.adapter import Change, CrmError, Field, Result, Values
from jobs.crm.json2 import Session
from jobs.crm.odoo_load import load, without_spoilers
from jobs.crm.odoo_values import (
    KNOWN,
    MODULE,
    PARTNER,
    SCORE,
    halved,
    in_score,
    to_load,
    to_write,
)
from jobs.crm.writing import as_one, not_sent

TOGETHER = 4  # from so many equal changes on a call of their own is faster than `load`
PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Writer:
    """Sends changes by one session."""

    def __init__(self, session: Session, fields: Mapping[str, Field]) -> None:
        self._session, self._fields = session, fields

    def write(self, batch: Sequence[Change]) -> list[Result]:
        refused, ready = self._told_apart(batch)
        told = {
            result.subject: result
            for result in (
                *refused,
                *self._in_kind([c for c in ready if not c.record_id], _of_partner, self._load_new),
                *self._partners([c for c in ready if c.record_id]),
            )
        }
        known = [
            c if c.record_id else replace(c, record_id=told[c.subject].record_id) for c in ready
        ]
        scored = [c for c in known if _of_score(c) and told[c.subject].outcome == "written"]
        told |= {result.subject: result for result in self._scores(scored)}
        ids = {change.subject: change.record_id for change in known}
        return [replace(r, record_id=ids.get(r.subject)) for r in told.values()]

    def _told_apart(self, batch: Sequence[Change]) -> tuple[list[Result], list[Change]]:
        """What cannot be made, and what is to be written: what was made before, by its id.

        A merge moves external ids to the survivor: then the key is not theirs, and nothing is
        written.
        """
        ready = [change for change in batch if change.record_id is not None]
        new = [change for change in batch if change.record_id is None]
        if not new:
            return [], ready
        try:
            made, keys = self._made_before(new)
        except CrmError as error:
            return not_sent(new, error), ready
        refused = []
        for change in new:
            at = made.get(change.subject)
            if at is None:
                ready.append(change)
            elif keys.get(at) == _key(change)[1]:
                ready.append(replace(change, record_id=str(at), values=self._ours(change)))
            else:
                refused.append(Result(change.subject, "conflict", "key_was_merged"))
        return refused, ready

    def _made_before(self, batch: Sequence[Change]) -> tuple[dict[str, int], dict[int, str]]:
        """Partners with the external ids of these changes, and their keys."""
        made, [field, _] = made_before(self._session, batch), _key(batch[0])
        domain = [["id", "in", sorted(set(made.values()))]]
        rows = self._session.call(PARTNER, "search_read", domain=domain, fields=[field])
        return made, {row["id"]: row[field] for row in rows}

    def _ours(self, change: Change) -> Values:
        return {n: value for n, value in change.values.items() if self._fields[n].is_writable}

    def _partners(self, batch: Sequence[Change]) -> list[Result]:
        alike: dict[tuple[tuple[str, ...], tuple[str | None, ...]], list[Change]] = defaultdict(
            list
        )
        for change in batch:
            names = _of_partner(change)
            alike[names, tuple(change.values[name] for name in names)].append(change)
        results = [Result(change.subject, "written") for change in alike.pop(((), ()), [])]
        few: list[Change] = []
        for changes in alike.values():
            if len(changes) < TOGETHER:
                few += changes
            else:
                results += as_one(changes, self._write_alike)
        return [*results, *self._in_kind(few, _of_partner, self._load_partners)]

    def _write_alike(self, batch: Sequence[Change]) -> None:
        values = {
            name: to_write(self._fields[name], batch[0].values[name])
            for name in _of_partner(batch[0])
        }
        self._session.call(PARTNER, "write", [_id(change) for change in batch], vals=values)

    def _load_partners(self, batch: Sequence[Change]) -> list[str | None]:
        names = _of_partner(batch[0])
        rows = [[str(_id(change)), *self._row(change, names)] for change in batch]
        return load(self._session, PARTNER, [".id", *names], rows)

    def _scores(self, batch: Sequence[Change]) -> list[Result]:
        """Rows that were there when they were read are known by their external id alone: to name
        their partner too takes more than half of the time.
        """
        try:
            gone = {change.subject for change in self._gone(batch)}
        except CrmError as error:
            return not_sent(batch, error)
        left = [change for change in batch if change.subject not in gone]
        there = [change for change in left if change.revision.partition("/")[2]]
        new = [change for change in left if not change.revision.partition("/")[2]]
        return [
            *(Result(subject, "conflict", "record_is_gone") for subject in gone),
            *self._in_kind(there, _of_score, self._load_scores),
            *self._in_kind(new, _of_score, lambda some: self._load_scores(some, is_new=True)),
        ]

    def _gone(self, batch: Sequence[Change]) -> list[Change]:
        """Whose partner is no more; after a merge its score still is.

        Where fields of the partner were written just now, that is known.
        """
        unseen = [change for change in batch if not _of_partner(change)]
        if not unseen:
            return []
        domain = [["id", "in", [_id(change) for change in unseen]]]
        there = set(self._session.call(PARTNER, "search", domain=domain, order="id"))
        return [change for change in unseen if _id(change) not in there]

    def _load_scores(self, batch: Sequence[Change], is_new: bool = False) -> list[str | None]:
        names = _of_score(batch[0])
        numbers = [name for name in names if self._fields[name].kind in {"number", "integer"}]
        header = ["id", *(("x_name", "x_partner_id/.id") if is_new else ()), *map(in_score, names)]
        rows = [
            [
                f"{MODULE}.score_{change.record_id}",
                *((change.record_id, change.record_id) if is_new else ()),
                *self._row(change, names),
                *("0" if change.values[name] is None else "1" for name in numbers),
            ]
            for change in batch
        ]
        return load(
            self._session, SCORE, [*header, *(f"{in_score(n)}{KNOWN}" for n in numbers)], rows
        )

    def _load_new(self, batch: Sequence[Change]) -> list[str | None]:
        """New partners, by an external id made of their key."""
        [field, _] = _key(batch[0])
        names = [name for name in _of_partner(batch[0]) if name not in {field, "name"}]
        rows = [
            # Odoo takes no partner without a name
            [external_id(c), _key(c)[1], c.values.get("name") or _key(c)[1], *self._row(c, names)]
            for c in batch
        ]
        return load(self._session, PARTNER, ["id", field, "name", *names], rows)

    def _in_kind(
        self,
        batch: Sequence[Change],
        names: Callable[[Change], tuple[str, ...]],
        send: Callable[[Sequence[Change]], Sequence[str | None]],
    ) -> list[Result]:
        """Send changes of the same fields together: `load` has one heading for all rows."""
        parts = itertools.groupby(sorted(batch, key=names), names)
        return [result for _, changes in parts for result in without_spoilers(list(changes), send)]

    def _row(self, change: Change, names: Sequence[str]) -> list[str]:
        return [to_load(self._fields[name], change.values[name]) for name in names]


def made_before(session: Session, batch: Sequence[Change]) -> dict[str, int]:
    """Ids of partners that have the external id of a change that makes one, by subject."""
    names = {external_id(change).partition(".")[2]: change.subject for change in batch}
    rows = session.call(
        "ir.model.data",
        "search_read",
        domain=[["module", "=", MODULE], ["model", "=", PARTNER], ["name", "in", list(names)]],
        fields=["name", "res_id"],
    )
    return {names[row["name"]]: row["res_id"] for row in rows}


def external_id(change: Change) -> str:
    """By which Odoo keeps a partner alone that we make."""
    field, value = _key(change)
    if not PLAIN_KEY.fullmatch(value):
        value = hashlib.sha256(value.encode()).hexdigest()
    return f"{MODULE}.partner_{field}_{value}"


def _of_partner(change: Change) -> tuple[str, ...]:
    """Names of its fields of the partner."""
    return halved(tuple(change.values))[0]


def _of_score(change: Change) -> tuple[str, ...]:
    return halved(tuple(change.values))[1]


def _id(change: Change) -> int:
    assert change.record_id is not None
    return int(change.record_id)


def _key(change: Change) -> tuple[str, str]:
    assert change.key is not None
    return change.key
