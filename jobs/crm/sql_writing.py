"""The changes of one transaction to a destination table, and the mark that tells their outcome."""

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from jobs.crm.adapter import Change, CrmError, Record, Result
from jobs.crm.sql_reading import Rows
from jobs.crm.sql_session import Work
from jobs.crm.sql_table import REVISION, Named
from jobs.crm.writing import as_one
from jobs.sql import identifier, literal

# a row per change, with the values that it has
BROUGHT = """
    with r as (
        select e->>'subject' as subject, e->>'id' as id, e->>'revision' as revision,
               e->'values' as v
        from jsonb_array_elements($1::jsonb) e
    )
"""
WRITTEN, GIVEN_UP = "written", "given_up"


def write(work: Work, rows: Rows, mark: str, batch: Sequence[Change]) -> list[Result]:
    """Write what the table takes, and the mark; a change that it refuses keeps no other back.

    Raises:
        CrmError: nothing may be committed.
    """
    work.run("set constraints all immediate")  # else they would refuse the commit
    results = Writing(work, rows).written(batch)
    subjects = {change.subject for change in batch if change.record_id is None}
    # what is not told of was an update, and is written
    told = {
        r.subject: [r.outcome, r.reason, r.record_id if r.subject in subjects else None]
        for r in results
        if r.outcome != "written" or r.subject in subjects
    }
    _mark(work, rows.named, mark, WRITTEN, json.dumps(told))
    if _marked(work, rows.named, mark)["state"] != WRITTEN:
        raise CrmError("transient", "given_up_meanwhile")
    return results


def became(work: Work, named: Named, mark: str, batch: Sequence[Change]) -> list[Result]:
    """What became of a batch by its mark: whoever sets it first decides.

    This waits where the batch is about to be committed; a batch that was not is given up, and
    cannot be committed any more.
    """
    _mark(work, named, mark, GIVEN_UP, "{}")
    found = _marked(work, named, mark)
    if found["state"] == GIVEN_UP:
        return [Result(change.subject, "transient", "not_written") for change in batch]
    told = json.loads(found["told"])
    return [
        Result(change.subject, *told.get(change.subject, ("written", "found_by_its_mark")))
        for change in batch
    ]


class Writing:
    """The changes of one transaction."""

    def __init__(self, work: Work, rows: Rows) -> None:
        self._work, self._rows = work, rows
        self._told: dict[str, Result] = {}

    def written(self, batch: Sequence[Change]) -> list[Result]:
        results = as_one([change for change in batch if change.record_id is not None], self._update)
        alike: dict[tuple[str, ...], list[Change]] = defaultdict(list)
        for change in batch:
            if change.record_id is None:
                # a field that a change does not have keeps the column's default
                alike[_key(change)[0], *sorted(change.values)].append(change)
        for (key, *fields), part in alike.items():
            results += as_one(part, partial(self._insert, key, fields))
        return [self._told.get(result.subject, result) for result in results]

    def _update(self, batch: Sequence[Change]) -> None:
        rows, fields = self._rows, sorted({name for change in batch for name in change.values})
        sets = ", ".join(
            f"{identifier(name)} = case when r.v ? {literal(name)} then {self._value(name)} "
            f"else t.{identifier(name)} end"
            for name in fields
        )
        update = (
            f"{BROUGHT} update {rows.named.sql} t set {sets} from r "  # noqa: S608 quoted
            f"where {rows.id} = {rows.key_of('r.id')} and t.{REVISION}::text = r.revision "
            "returning r.subject"
        )
        with self._work.savepoint():
            done = {row["subject"] for row in self._work.run(update, _brought(batch))}
            missed = [change for change in batch if change.subject not in done]
            there = self._among(rows.key, [str(change.record_id) for change in missed], [])
        for change in missed:
            why = "changed_meanwhile" if str(change.record_id) in there else "record_is_gone"
            self._told[change.subject] = Result(change.subject, "conflict", why)

    def _insert(self, key: str, fields: Sequence[str], batch: Sequence[Change]) -> list[str | None]:
        """Make records; one that is there by now is another's, and not touched."""
        rows, names = self._rows, ", ".join(map(identifier, [key, *fields]))
        values = ", ".join([f"r.id::{rows.table.cast(key)}", *map(self._value, fields)])
        insert = (
            f"{BROUGHT} insert into {rows.named.sql} as t ({names}) "  # noqa: S608 quoted
            f"select {values} from r on conflict ({identifier(key)}) do nothing "
            f"returning t.{identifier(key)}::text as asked, {rows.id}::text as id"
        )
        with self._work.savepoint():
            made = {row["asked"]: row["id"] for row in self._work.run(insert, _brought(batch))}
            missed = [change for change in batch if _key(change)[1] not in made]
            there = self._among(key, [_key(change)[1] for change in missed], fields)
        for change in missed:
            self._told[change.subject] = _met(change, there.get(_key(change)[1]))
        return [made.get(_key(change)[1]) for change in batch]

    def _value(self, name: str) -> str:
        """SQL: the value that a change brings for a column."""
        return f"(r.v->>{literal(name)})::{self._rows.table.cast(name)}"

    def _among(self, field: str, keys: Sequence[str], fields: Sequence[str]) -> dict[str, Record]:
        return dict(self._rows.among(self._work, field, keys, fields)) if keys else {}


def _key(change: Change) -> tuple[str, str]:
    assert change.key is not None
    return change.key


def _met(change: Change, there: Record | None) -> Result:
    """A record that was to be created and is there: by our own hand, or by another's."""
    if there and all(there.values[name] == value for name, value in change.values.items()):
        return Result(change.subject, "written", "was_there", there.id)
    return Result(change.subject, "conflict", "created_meanwhile")


def _brought(batch: Sequence[Change]) -> str:
    return json.dumps(
        [
            {
                "subject": change.subject,
                "id": change.record_id if change.record_id is not None else _key(change)[1],
                "revision": change.revision,
                "values": dict(change.values),
            }
            for change in batch
        ]
    )


def _mark(work: Work, named: Named, mark: str, state: str, told: str) -> None:
    work.run(
        f"insert into {named.marks.sql} (batch, state, told) "  # noqa: S608 quoted
        "values ($1, $2, $3::jsonb) on conflict (batch) do nothing",
        *(mark, state, told),
    )


def _marked(work: Work, named: Named, mark: str) -> dict[str, str]:
    (found,) = work.run(
        f"select state, told::text as told from {named.marks.sql} where batch = $1",  # noqa: S608
        mark,
    )
    return found
