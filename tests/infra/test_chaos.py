"""Chaos is played at the CRMs that start quickly, and its judge finds what is planted."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra.chaos import __main__ as chaos
from infra.chaos import crms
from infra.chaos.crms import Crm, Row
from infra.chaos.evidence import Edit, Evidence
from infra.chaos.judge import judged
from infra.chaos.stage import Stage
from infra.chaos.story import COLUMNS, Moment, Story, drawn
from jobs.delivery import mapping as mappings
from tests.connections import SHIPPED

pytestmark = pytest.mark.services

RECORDS = 120
SABOTAGED = """
import infra.chaos.sending as sending
from jobs.crm.tryton import Tryton
from jobs.delivery.sending import Sending
{}
sending.command.run(sending.main)
"""
# an apply that does not look whether a record has moved since the plan
BLIND = "Sending.spared = lambda *told: None"
# one that sends each batch twice, as if the first answer had been lost
TWICE = """
once = Sending.answered
Sending.answered = lambda self, batch: (self.crm.write(batch), once(self, batch))[1]
"""
# one that writes whatever became of the record since it was read
UNCONDITIONAL = """
def write(self, batch):
    pairs = [part for c in batch for part in ([int(c.record_id)], self._to_wire(c.values))]
    self._session.call("model.party.party.write", *pairs)
Tryton._write = write
"""


@pytest.fixture(scope="module", params=["hubspot", "salesforce", "tryton"])
def crm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crm]:
    with crms.opened(request.param, tmp_path_factory.mktemp(request.param)) as here:
        yield here


@pytest.fixture(scope="module")
def hubspot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crm]:
    with crms.opened("hubspot", tmp_path_factory.mktemp("chaos")) as here:
        yield here


@pytest.fixture(scope="module")
def good(hubspot: Crm, tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """A run without a fault, with bad records, in which the judge finds nothing."""
    story = quiet(hubspot)
    of = Stage(story, hubspot, tmp_path_factory.mktemp("good") / "run").play()
    assert judged(of).violations == ()
    return of


def quiet(crm: Crm, *moments: Moment) -> Story:
    """A story without a fault that writes to every customer; people edit at these moments."""
    story = next(s for s in (drawn(seed, crm, RECORDS) for seed in range(99)) if s.bad)
    plain = replace(story, kind="none", mode="update_only", has_history=False, gone=frozenset())
    return replace(plain, refusal="paused", moments=moments)


@pytest.mark.parametrize("name", crms.NAMES)
def test_every_field_that_people_see_is_played(name: str) -> None:
    made = mappings.parse(name, (SHIPPED / f"{name}.yaml").read_text())
    shipped = {field: of for field, of in made.fields.items() if of.transform != "link"}
    played = import_module(f"infra.chaos.crms.{name}").COLUMNS
    as_played = {field: COLUMNS[column] for column, field in played.items()}
    for field, of in shipped.items():
        source, form, _ = as_played[field]
        assert (tuple(source), form) == (tuple(of.columns), of.transform), field


@pytest.mark.parametrize(
    ("field", "wrong"), [("score_churn_chance", "1"), ("score_segment", "Another")]
)
def test_the_judge_finds_a_wrong_value_of_what_only_some_customers_have(
    good: Evidence, field: str, wrong: str
) -> None:
    rows = [*good.after.rows]
    at = next(n for n, row in enumerate(rows) if row.values[field])
    spoilt = {**rows[at].values, field: wrong}
    rows[at] = replace(rows[at], values=spoilt)
    after = replace(good.after, rows=tuple(rows))
    assert found(replace(good, after=after)) == {"wrong value"}


def found(of: Evidence) -> set[str]:
    return {violation.kind for violation in judged(of).violations}


@pytest.mark.parametrize("seed", [4, 8])
def test_a_delivery_comes_through_its_fault(crm: Crm, seed: int, tmp_path: Path) -> None:
    story = drawn(seed, crm, RECORDS)
    assert story == drawn(seed, crm, RECORDS), "a seed tells one story"
    of = Stage(story, crm, tmp_path / "run").play()
    assert judged(of).violations == (), chaos.again(story)
    assert len(of.edits) >= len((*story.early, *story.late))


def test_the_command_plays_runs_and_shows_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    chaos.main(runs=1, seed=4, crm=["hubspot"], records=RECORDS)
    told = capsys.readouterr().out
    assert "hubspot seed 4: 120 customers" in told
    assert "lost edits" in told


def after(of: Evidence, change: Callable[[Row], Row], *more: Row) -> Evidence:
    """As if the CRM showed other records at the end."""
    rows = (*(change(row) for row in of.after.rows), *more)
    return replace(of, after=replace(of.after, rows=rows))


def shows(row: Row, key: str, field: str, value: str | None) -> Row:
    return replace(row, values={**row.values, field: value}) if row.key == key else row


def test_a_second_record_of_a_customer_is_found(good: Evidence) -> None:
    twin = replace(good.after.rows[0], id="made twice")
    assert "double" in found(after(good, lambda row: row, twin))


def test_a_lost_edit_is_found(good: Evidence) -> None:
    edit = good.edits[0]
    wanted = good.wanted[edit.key][edit.field]
    assert found(after(good, lambda row: shows(row, edit.key, edit.field, wanted))) == {"lost edit"}


def test_an_edit_between_read_and_write_may_be_written_over_where_the_crm_cannot_refuse(
    good: Evidence,
) -> None:
    write = good.wire.writes[0]
    written = {touched.id for touched in write.records}
    key = next(row.key for row in good.after.rows if row.id in written)
    at = write.begun - 1e-9
    told = replace(good, edits=[*good.edits, Edit(key, good.crm.hand, "x", at, at, "before")])
    assert found(told) == set()
    assert judged(told).in_the_gap == 1
    refuses = SimpleNamespace(is_conditional=True, needed={}, hand=good.crm.hand)
    assert found(replace(told, crm=refuses)) == {"stale write"}


def test_a_value_that_nobody_planned_is_found(good: Evidence) -> None:
    key, grade = good.story.customers[-1], good.crm.fields["grade"]
    bystander = good.story.bystanders[0]
    for changed in (
        after(good, lambda row: shows(row, key, grade, "Z")),
        after(good, lambda row: shows(row, key, "lastname", "another")),
        after(good, lambda row: shows(row, bystander, grade, "A")),
    ):
        assert found(changed) == {"wrong value"}


def test_what_was_not_sent_and_not_listed_is_found(good: Evidence) -> None:
    untouched = {row.key: row for row in good.before.rows}
    now = {row.key: row for row in good.after.rows}
    lost = next(key for key in untouched if untouched[key] != now[key] and key not in told(good))
    changed = after(good, lambda row: untouched[lost] if row.key == lost else row)
    assert found(changed) == {"not listed"}


def told(of: Evidence) -> set[str]:
    """Customers that someone edited, or that the delivery names."""
    blocked = {key for key, _ in of.told.blocked}
    return {edit.key for edit in of.edits} | set(of.told.listed) | blocked


def test_what_the_delivery_says_is_not_believed(good: Evidence) -> None:
    bad, *_ = sorted(good.story.bad)
    silent = {key: why for key, why in good.told.listed.items() if key != bad}
    assert "rejected" in found(replace(good, told=replace(good.told, listed=silent)))
    fine = next(key for key in good.story.customers if key not in told(good))
    also = {**good.told.listed, fine: ("conflict", "moved_since_the_plan")}
    assert found(replace(good, told=replace(good.told, listed=also))) == {"not true"}


def test_a_refusal_that_sends_is_found(good: Evidence) -> None:
    assert found(replace(good, wire=replace(good.wire, refusal_writes=1))) == {"refusal"}


@pytest.mark.parametrize(("sabotage", "kind"), [(BLIND, "lost edit"), (TWICE, "stale write")])
def test_a_delivery_that_does_wrong_is_found(
    hubspot: Crm, sabotage: str, kind: str, tmp_path: Path
) -> None:
    program = (sys.executable, "-c", SABOTAGED.format(sabotage))
    of = Stage(quiet(hubspot), hubspot, tmp_path / "run", program).play()
    assert kind in found(of)


def test_an_adapter_that_writes_over_what_moved_is_found(tmp_path: Path) -> None:
    moment = Moment("before", 1, is_of_it=True, field="hand")
    program = (sys.executable, "-c", SABOTAGED.format(UNCONDITIONAL))
    with crms.opened("tryton", tmp_path / "crm") as tryton:
        story = quiet(tryton, moment)
        careful = Stage(story, tryton, tmp_path / "careful").play()
        careless = Stage(story, tryton, tmp_path / "careless", program).play()
    assert found(careful) == set()
    assert "stale write" in found(careless)
