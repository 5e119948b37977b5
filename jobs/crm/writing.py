"""What is alike in every adapter's writing: a record that spoils a batch, an answer that is lost.

The CRM's own client says how a batch is sent and a record read; here stands what follows from it.
"""

import datetime as dt
import itertools
import time
from collections.abc import Callable, Mapping, Sequence

from jobs.crm.adapter import Adapter, Change, CrmError, Outcome, Record, Result

FIRST_WAITS = (0.5, 0.5, 1.0)  # seconds between looks for what was written
LATER_WAIT = 2.0


class Refused(CrmError):
    """The CRM said no to what was sent, and wrote nothing of the request."""


class WrongValues(CrmError):
    """The CRM cannot take these values, into any record; it wrote nothing."""


class NoAnswer(CrmError):
    """Sent, and the answer was lost."""


def failed(batch: Sequence[Change], error: CrmError) -> list[Result]:
    """What an error makes of the changes that were sent.

    One that says nothing of them (a key that is no longer good, say) is none of their fault: they
    are sent again when it is mended.
    """
    if isinstance(error, NoAnswer):
        return [Result(change.subject, "unknown", "answer_lost") for change in batch]
    kind = error.kind if isinstance(error, Refused | WrongValues) else "transient"
    return [Result(change.subject, kind, str(error)) for change in batch]


def not_sent(batch: Sequence[Change], error: CrmError) -> list[Result]:
    """Of changes before which something failed: they were not sent."""
    if isinstance(error, NoAnswer):
        error = CrmError("transient", str(error))
    return failed(batch, error)


def as_one(
    batch: Sequence[Change], send: Callable[[Sequence[Change]], Sequence[str | None] | None]
) -> list[Result]:
    """Send a batch that the CRM takes or refuses as a whole.

    One record spoils it for all: a refused batch is halved until that one stands alone.

    Args:
        send: writes all of its changes or none; the ids of the records in their order, or null
            where none is new.
    """
    if not batch:
        return []
    try:
        ids = send(batch) or [change.record_id for change in batch]
    except CrmError as error:
        if isinstance(error, Refused) and error.kind != "transient" and len(batch) > 1:
            middle = len(batch) // 2
            return [*as_one(batch[:middle], send), *as_one(batch[middle:], send)]
        return failed(batch, error)
    return [Result(c.subject, "written", "", made) for c, made in zip(batch, ids, strict=True)]


def found_out(
    batch: Sequence[Change],
    sent_at: dt.datetime,
    request_seconds: float,
    look: Callable[[Sequence[Change]], Mapping[str, Record]],
) -> list[Result]:
    """What became of a batch without an answer, by reading.

    What is visible is certain at once, what is not only after the longest time that a request can
    take: rows were seen to appear long after the connection was lost.

    Args:
        look: the records of changes by subject; one that is not there is absent.
    """
    decided_at = sent_at + dt.timedelta(seconds=request_seconds)
    for wait in itertools.chain(FIRST_WAITS, itertools.repeat(LATER_WAIT)):
        is_over = dt.datetime.now(dt.UTC) >= decided_at
        found = look(batch)
        results = [became(change, found.get(change.subject)) for change in batch]
        if is_over or all(result.outcome == "written" for result in results):
            return results
        left = (decided_at - dt.datetime.now(dt.UTC)).total_seconds()
        time.sleep(min(wait, max(left, 0.0)))
    raise AssertionError("unreachable")


def became(change: Change, found: Record | None) -> Result:
    """What a change without an answer came to, by the record as it is when no answer can come."""
    outcome, reason = _became(change, found)
    made = found.id if found and change.record_id is None else None
    return Result(change.subject, outcome, reason, made)


def _became(change: Change, found: Record | None) -> tuple[Outcome, str]:
    if found is None:
        is_new = change.record_id is None
        return ("transient", "not_written") if is_new else ("conflict", "record_is_gone")
    if all(found.values[name] == value for name, value in change.values.items()):
        return "written", "found_after_lost_answer"
    if change.record_id is not None and found.revision == change.revision:
        return "transient", "not_written"
    # ours may have come before the other's: it counts as ours, and is not sent again
    return "unknown", "changed_after_lost_answer"


def records_of(crm: Adapter, batch: Sequence[Change]) -> dict[str, Record]:
    """The records of changes as they are now, by subject: by id, and those to be created by key."""
    fields = sorted({name for change in batch for name in change.values})
    there = crm.get({c.record_id for c in batch if c.record_id is not None}, fields)
    found = by_subject(batch, there)
    new = [(change.key, change.subject) for change in batch if change.key and not change.record_id]
    for field in {key[0] for key, _ in new}:
        keys = {key[1]: subject for key, subject in new if key[0] == field}
        made = crm.find(field, keys, fields)
        found |= {keys[key]: records[0] for key, records in made.items() if records}
    return found


def by_subject(batch: Sequence[Change], found: Mapping[str, Record]) -> dict[str, Record]:
    """The records of changes to existing ones, from what was read by id."""
    return {
        change.subject: found[change.record_id]
        for change in batch
        if change.record_id is not None and change.record_id in found
    }
