"""What counts as ours, and what is still open, is told by the ledger alone."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, replace
from types import SimpleNamespace

import pyarrow as pa
import pytest
from deltalake import Field
from deltalake.schema import PrimitiveType

from jobs import lake
from jobs.crm.adapter import Change, Outcome, Result
from jobs.delivery import controls, state
from jobs.delivery import ledger as ledgers
from jobs.delivery.controls import Controls
from jobs.delivery.ledger import DeliveryError, Item, Ledger, Plan
from jobs.delivery.scratch import scratch
from jobs.ops import crm_deliveries
from jobs.settings import settings

pytestmark = pytest.mark.usefixtures("state")

SCHEMA = pa.schema([(name, pa.string()) for name in Item.__dataclass_fields__])
PLAN = Plan(
    connection="tryton",
    plan_number=1,
    plan_id="a",
    state="planned",
    at=dt.datetime.now(dt.UTC),
    crm_instance="here",
    mapping_sha256="m",
    outbox_version=0,
    as_of_date=None,
    records=1,
    updates=1,
    clears=0,
    unchanged=0,
    blocked=0,
    calls=1,
)


def planned(number: int, value: str, **told: str) -> Plan:
    """A plan that wants customer 101's grade to be `value`, and leaves its trend alone."""
    made = replace(PLAN, plan_number=number, plan_id=f"plan {number}", **told)
    wanted = Item("101", "1", "grade", "update", None, value)
    spared = Item("101", "1", "trend", "blocked", "theirs", "steady", "filled_by_a_person")
    batch = pa.RecordBatch.from_pylist([asdict(wanted), asdict(spared)], SCHEMA)
    return Ledger(made.connection).add(made, [batch])


def change(value: str) -> Change:
    return Change("101", "1", "r", {"grade": value})


def happened(plan: Plan, *outcomes: Outcome) -> None:
    """Attempts to write the plan's customer, and what became of each."""
    ledger = Ledger(plan.connection)
    for outcome in outcomes:
        ledger.intend(plan, [change("any")], 1)
        ledger.resolve(plan, [change("any")], [Result("101", outcome)])


def ours(instance: str = "here") -> set[str | None]:
    with scratch() as db:
        state.refreshed(db, "tryton", instance)
        found = db.sql("select account_id, field, is_written, value, maybe from state").fetchall()
    assert {row[:2] for row in found} <= {("101", "grade")}, "a field left alone is not ours"
    return {text for row in found for text in (*([row[3]] if row[2] else []), *row[4])}


class Crm:
    """Remembers what it was asked about, and says that all of it was written."""

    def __init__(self) -> None:
        self.asked: list[Change] = []

    def poll(
        self, batch: Sequence[Change], sent_at: dt.datetime, job: str | None = None
    ) -> list[Result]:
        self.asked += batch
        return [Result(c.subject, "written") for c in batch]


def test_the_last_value_written_is_ours_and_any_after_it_that_may_have_been() -> None:
    assert ours() == set()
    happened(planned(1, "A"), "written")
    assert ours() == {"A"}
    happened(planned(2, "B"), "conflict")
    assert ours() == {"A"}
    happened(planned(3, "C"), "unknown")
    assert ours() == {"A", "C"}
    happened(planned(5, "E"), "data")
    assert ours() == {"A", "C", "E"}, "what is refused may be written in part"
    happened(planned(4, "D"), "unknown", "written")
    assert ours() == {"D"}


def test_what_is_folded_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [str(n) for n in range(1, 21)]
    made = replace(PLAN, plan_id="plan 1")
    items = [Item(i, i, f, "update", None, f"{f} {i}") for i in ids for f in ("grade", "trend")]
    batch = pa.RecordBatch.from_pylist([asdict(item) for item in items], SCHEMA)
    ledger = Ledger("tryton")
    ledger.add(made, [batch])
    changes = [Change(i, i, "r", {"grade": f"grade {i}", "trend": f"trend {i}"}) for i in ids]
    for outcomes in (("written", "unknown", "data"), ("unknown", "written", "transient")):
        ledger.intend(made, changes, 1)
        told = [Result(i, outcomes[n % 3]) for n, i in enumerate(ids)]
        ledger.resolve(made, changes, told)

    def folded() -> list[tuple[object, ...]]:
        with scratch() as db:
            state.refreshed(db, "tryton", "here", is_writer=False)
            return db.sql("select * from state order by account_id, field").fetchall()

    whole = folded()
    assert len(whole) == len(items)
    monkeypatch.setattr(state, "SLICE", 7)
    assert folded() == whole


def test_what_another_crm_or_connection_was_sent_is_not_ours() -> None:
    happened(planned(1, "A", crm_instance="there"), "written")
    happened(planned(2, "B", connection="other"), "written")
    assert ours() == set()
    assert ours("there") == {"A"}
    assert ours("it's new") == set()


def test_only_an_intent_that_nothing_followed_is_asked_after() -> None:
    crm = Crm()
    happened(planned(1, "A"), "written")
    # its last event has the number of our first
    Ledger("other").intend(planned(7, "A", connection="other"), [change("A")], 1)
    settled = Ledger("tryton").settle(crm, "here", "code")  # type: ignore[arg-type]
    assert (settled, crm.asked) == (0, [])
    left = planned(2, "B")
    Ledger("tryton").intend(left, [change("B")], 1)
    assert Ledger("tryton").settle(crm, "there", "code") == 0  # type: ignore[arg-type]
    assert Ledger("tryton").settle(crm, "here", "code") == 1  # type: ignore[arg-type]
    assert [(c.record_id, c.values) for c in crm.asked] == [("1", {"grade": "B"})]
    assert ours() == {"B"}
    assert Ledger("tryton").settle(crm, "here", "code") == 0  # type: ignore[arg-type]


def test_events_are_numbered_on_in_a_connection() -> None:
    happened(planned(1, "A"), "transient", "written")
    happened(planned(2, "B", connection="other"), "written")
    rows = lake.read(crm_deliveries.TABLE.name).to_pylist()
    numbers = {
        c: sorted(r["sequence"] for r in rows if r["connection"] == c) for c in ("tryton", "other")
    }
    assert numbers == {"tryton": [1, 2, 3, 4], "other": [1, 2]}


def test_a_plan_is_named_by_its_number_though_another_id_begins_with_it() -> None:
    planned(1, "A")
    Ledger("tryton").add(replace(PLAN, plan_number=2, plan_id="1fe"), [])
    assert Ledger("tryton").plan("1").plan_number == 1
    assert Ledger("tryton").plan("1f").plan_number == 2
    with pytest.raises(DeliveryError, match="no plan begins with ''"):
        Ledger("tryton").plan("")


def test_a_clock_that_is_put_back_changes_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    made = planned(1, "A")
    back = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=10)
    Controls("tryton").say("resume")
    clock = SimpleNamespace(**{**vars(dt), "datetime": SimpleNamespace(now=lambda zone: back)})
    monkeypatch.setattr(ledgers, "dt", clock)
    monkeypatch.setattr(controls, "dt", clock)
    Ledger("tryton").record(made, "applied")
    Controls("tryton").say("pause")
    assert Ledger("tryton").plan(None).state == "applied"
    assert Controls("tryton").pause()


def test_what_the_crm_made_of_a_value_is_known_though_a_later_plan_was_put_off() -> None:
    first = planned(1, "A")
    happened(first, "written")
    told = {"connection": "tryton", "crm_instance": "here", "plan_id": first.plan_id}
    echo = {"account_id": "101", "field": "grade", "value": "A", "echo": "<p>A</p>"}
    lake.append(ledgers.log_of("ops.crm_echoes"), [{**told, **echo, "at": dt.datetime.now(dt.UTC)}])
    happened(planned(2, "B"), "transient")
    with scratch() as db:
        state.refreshed(db, "tryton", "here")
        assert db.sql("select echo, has_echo from state").fetchall() == [("<p>A</p>", True)]


def test_a_ledger_goes_on_when_another_writer_has_given_it_a_column() -> None:
    made = planned(1, "A")
    ledger = Ledger("tryton")
    ledger.intend(made, [change("A")], 1)
    other = lake.opened(crm_deliveries.TABLE.name)
    other.alter.add_columns([Field("of_a_later_release", PrimitiveType("string"))])
    ledger.resolve(made, [change("A")], [Result("101", "written")])
    assert ours() == {"A"}


def test_what_a_killed_comparison_left_is_wiped_and_one_at_work_stays() -> None:
    left = settings().state / ".plan-left"
    left.mkdir(parents=True)
    (left / "lock").touch()
    (left / "scratch.duckdb").write_text("customers")
    with scratch() as at_work:
        assert not left.exists()
        with scratch():
            assert len(list(settings().state.glob(".plan-*"))) == 2
        assert at_work.sql("select 1").fetchall() == [(1,)]
    assert not list(settings().state.glob(".plan-*"))
