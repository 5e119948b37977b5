"""Whether a run was right: by the CRM's records before and after, by what people wrote, and by the
wire. What the delivery says of itself is held against these, and never believed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from infra.chaos.crms import Row
from infra.chaos.evidence import Edit, Evidence
from infra.chaos.watching import Write, key_of
from infra.sandbox.dialects.plain import Touched

Kind = Literal[
    "double",  # two records of one customer, or one that nobody asked for
    "lost edit",  # made before we read, and not there any more
    "stale write",  # of values that were not read anew before it
    "wrong value",  # neither as planned nor as it was, and nobody edited it
    "not listed",  # not as planned, and the delivery does not say so
    "not true",  # the delivery lists what nothing was wrong with
    "rejected",  # other records than the bad ones
    "written again",  # more often than faults explain
    "refusal",  # something was sent that had to be refused
    "no end",  # apply did not end well
]


@dataclass(frozen=True)
class Violation:
    kind: Kind
    what: str


@dataclass(frozen=True)
class Verdict:
    """What a run came to."""

    violations: tuple[Violation, ...]
    records: int  # that were written to
    most_writes: int  # of one record
    in_the_gap: int  # edits after our read, before our write, that the CRM let us write over
    longest_gap: float  # seconds between the read and the write of a record


def judged(of: Evidence) -> Verdict:
    case = Case(of)
    found = [
        *case.endings(),
        *case.doubles(),
        *case.edits(),
        *case.repeated(),
        *case.listing(),
        *case.values(),
    ]
    times = case.times()
    written = {case.key(touched) for touched, _ in times}
    return Verdict(
        tuple(found),
        len(written),
        max(times.values(), default=0),
        len(case.in_the_gap),
        case.longest_gap(),
    )


class Case:
    """One run before its judge."""

    def __init__(self, of: Evidence) -> None:
        self.of = of
        rows = (*of.before.rows, *of.after.rows)
        self.keys = {row.id: row.key for row in rows}
        self.keys |= {key: key for key in (*of.wanted, *of.story.bystanders)}
        self.before = {row.id: row for row in of.before.rows}
        self.after = {row.id: row for row in of.after.rows}
        self.now = {row.key: row for row in of.after.rows}
        # the last edit of a field is what a person wants there
        self.last = {(edit.key, edit.field): edit for edit in of.edits}
        self.edited = {edit.key for edit in of.edits}
        self.in_the_gap: list[Edit] = []
        self.read_at = defaultdict[str, list[float]](list)
        for read in of.wire.reads:
            for each in read.ids:
                self.read_at[self.keys.get(each, each)].append(read.at)
        self.written = defaultdict[str, list[tuple[Write, Touched]]](list)
        for write in of.wire.writes:
            for touched in write.records:
                self.written[self.key(touched.id)].append((write, touched))

    def key(self, touched: str) -> str:
        return key_of(touched, self.keys) or touched

    def doubles(self) -> Iterator[Violation]:
        counts = Counter(row.key for row in self.of.after.rows)
        for key, n in counts.items():
            if n > 1:
                yield Violation("double", f"{key} is there {n} times")
        creates = self.of.story.mode == "create"
        allowed = self.of.story.missing if creates else frozenset()
        for made in self.after.keys() - self.before.keys():
            if self.after[made].key not in allowed:
                yield Violation(
                    "double", f"{self.after[made].key} was made, and was there or not ours"
                )
        for gone in self.before.keys() - self.after.keys():
            yield Violation("wrong value", f"the record of {self.before[gone].key} is gone")
        if not creates and self.of.before.counts != self.of.after.counts:
            yield Violation("double", f"{self.of.before.counts} became {self.of.after.counts}")

    def values(self) -> Iterator[Violation]:
        """Every field of every record: as planned or listed, and else as it was."""
        for row in self.of.after.rows:
            was = self.before.get(row.id)
            yield from self._changed(row, was)
        for key in self.of.wanted.keys() - self.now.keys():
            if key not in self.of.told.listed and (key, "*") not in self.of.told.blocked:
                yield Violation("not listed", f"{key} was not made")

    def _changed(self, row: Row, was: Row | None) -> Iterator[Violation]:
        wanted = self.of.wanted.get(row.key, {})
        is_listed = row.key in self.of.told.listed
        for field, value in row.values.items():
            if (row.key, field) in self.last:
                continue  # see `edits`
            old = was.values.get(field) if was else None
            if field in wanted:
                is_kept = is_listed or (row.key, field) in self.of.told.blocked
                if value == wanted[field] or (value == old and is_kept):
                    continue
                kind: Kind = "not listed" if value == old else "wrong value"
                yield Violation(kind, f"{field} of {row.key}")
            elif was and value != old:
                yield Violation("wrong value", f"{field} of {row.key}, which is not ours")

    def edits(self) -> Iterator[Violation]:
        for (key, field), edit in self.last.items():
            row = self.now.get(key)
            if row is None or row.values.get(field) == edit.value:
                continue
            over = self._over(edit)
            if over is None or self._read_before(over, key) > edit.ended:
                yield Violation("lost edit", f"{field} of {key}, made {edit.when} a write")
            elif self.of.crm.is_conditional:
                yield Violation("stale write", f"{field} of {key}, edited after we read it")
            else:
                self.in_the_gap.append(edit)

    def _over(self, edit: Edit) -> Write | None:
        """The write that came over an edit: the first that ended after it."""
        later = (w for w, _ in self.written[edit.key] if w.ended >= edit.ended)
        return min(later, key=lambda write: write.begun, default=None)

    def _read_before(self, write: Write, key: str) -> float:
        """When the record was shown last before a write to it; 0: never."""
        return max((at for at in self.read_at[key] if at < write.begun), default=0.0)

    def longest_gap(self) -> float:
        """The longest time in which an edit may have been written over."""
        gaps = (
            write.ended - read
            for key, writes in self.written.items()
            for write, _ in writes
            if (read := self._read_before(write, key))
        )
        return max(gaps, default=0.0)

    def listing(self) -> Iterator[Violation]:
        """What the delivery says was not done has a reason that we know of, and no bad one fails
        to be there."""
        story = self.of.story
        rejected = {key for key, (event, _) in self.of.told.listed.items() if event == "data"}
        for key in sorted(rejected ^ story.bad):
            which = "was rejected" if key in rejected else "is bad, and was not rejected"
            yield Violation("rejected", f"{key} {which}")
        for key, (event, reason) in self.of.told.listed.items():
            if event == "data":
                continue
            if event not in {"conflict", "unknown"} or key not in self.edited:
                yield Violation("not true", f"{key}: {event} {reason}")
        yield from self._blocked(self.of.told.blocked, "")
        yield from self._blocked(self.of.told.blocked_next, " in the next plan")

    def _blocked(self, told: Mapping[tuple[str, str], str], when: str) -> Iterator[Violation]:
        """What is left to people is what people wrote, or fill themselves."""
        for (key, field), reason in told.items():
            is_edited = (key, field) in self.last
            is_missing = field == "*" and key in self.of.story.missing
            is_kept = field in self.of.crm.needed.values()
            if not (is_edited or is_missing or is_kept):
                yield Violation("not true", f"{field} of {key} blocked{when}: {reason}")

    def times(self) -> Mapping[tuple[str, str], int]:
        """How often the CRM took the same values into the same record."""
        taken = Counter(touched for write in self.of.wire.writes for touched in write.records)
        return {(touched.id, touched.digest): n for touched, n in taken.items()}

    def repeated(self) -> Iterator[Violation]:
        met = self._met()
        for (at, _), n in self.times().items():
            if n > 1 + met[self.key(at)]:
                yield Violation("written again", f"{self.key(at)}, {n} times")
        for key, writes in self.written.items():
            for touched in {touched for _, touched in writes}:
                same = [write for write, each in writes if each == touched]
                if not all(self._was_read(key, a, b) for a, b in pairwise(same)):
                    yield Violation("stale write", f"{key} was sent again without a look")

    def _met(self) -> Counter[str]:
        """Faults by customer: of any request that has them in it; a kill is one of those too that
        the CRM had in part by then."""
        met = Counter[str]()
        for entry in self.of.wire.entries:
            if entry.fault:
                met.update({self.key(touched.id) for touched in entry.records})
        if kill := self.of.wire.kill:
            cut = {self.key(touched.id) for touched in kill.records}
            for key, writes in self.written.items():
                before = {touched.id for write, touched in writes if write.begun < kill.at}
                if before < {touched.id for _, touched in writes}:
                    cut.add(key)
            met.update(cut)
        return met

    def _was_read(self, key: str, after: Write, before: Write) -> bool:
        return any(after.begun < at < before.begun for at in self.read_at[key])

    def endings(self) -> Iterator[Violation]:
        refused, word = self.of.refused, self.of.story.refusal.partition("_")[0]
        if refused.code != 1 or word not in refused.said or self.of.wire.refusal_writes:
            told = f"{word}: {self.of.wire.refusal_writes} writes, {refused.code}, {refused.said}"
            yield Violation("refusal", told)
        if not any(each.code == 0 for each in self.of.applies):
            yield Violation("no end", self.of.applies[-1].said)
