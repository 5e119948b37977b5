"""A plan is sent exactly, at most once, whatever happens on the way. Real server, real kills."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from filelock import FileLock
from tenacity import wait_none

from infra.sandbox.wire import Wire
from jobs import lake
from jobs.crm.adapter import Change, CrmError, Description, Result, untold
from jobs.crm.jsonrpc import Session
from jobs.crm.tryton import Tryton
from jobs.delivery import ledger as ledgers
from jobs.delivery import limits, sending
from jobs.delivery import mapping as mappings
from jobs.delivery.apply import apply
from jobs.delivery.ledger import Busy, DeliveryError, Ledger
from jobs.delivery.plan import plan
from jobs.delivery.verify import verify
from jobs.settings import ROOT
from jobs.table import Log, table
from tests.delivery import outbox
from tests.delivery.aging import made_days_ago
from tests.tryton_server import ACCOUNTS, REQUEST_SECONDS, Crm

pytestmark = pytest.mark.services

SMALL_BATCHES = """
import jobs.crm.tryton as tryton
from jobs.delivery import apply, sending
tryton.BATCH_RECORDS = 3
sending.WINDOW_RECORDS = 6
apply.apply("tryton")
"""


class PutsOff(Tryton):
    """A CRM that takes the first half of each batch and puts the rest off."""

    def write(
        self, batch: Sequence[Change], started: Callable[[str], None] = untold
    ) -> list[Result]:
        middle = (len(batch) + 1) // 2
        rest = [Result(c.subject, "transient", "database_locked") for c in batch[middle:]]
        return [*super().write(batch[:middle]), *rest]


class Locks(Tryton):
    """A CRM in which somebody holds one customer all the time."""

    def write(
        self, batch: Sequence[Change], started: Callable[[str], None] = untold
    ) -> list[Result]:
        held = [Result(c.subject, "transient", "locked") for c in batch if c.subject == "102"]
        return [*super().write([c for c in batch if c.subject != "102"]), *held]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds follow each other without a pause."""
    monkeypatch.setattr(sending, "BETWEEN_ROUNDS", wait_none())


@pytest.fixture
def waiting(crm: Crm) -> ledgers.Plan:
    """A plan for all customers."""
    outbox.write([outbox.row(account) for account in ACCOUNTS])
    return plan("tryton", crm=crm.adapter)


def events(name: str) -> list[tuple[str, str]]:
    rows = lake.read("ops.crm_deliveries", sql="select * from t order by sequence").to_pylist()
    return [(row["account_id"], row["event"]) for row in rows if row["event"] == name]


def killed_apply(crm: Crm, kill_at_write: int) -> Wire:
    """Run apply in a process of its own; kill -9 when its n-th write has reached the CRM."""
    process: list[subprocess.Popen[bytes]] = []

    def on_write(n: int) -> bool:
        if n == kill_at_write:
            process[0].kill()
        return n == kill_at_write

    with Wire(crm.settings.crm_url, dialect="tryton", on_write=on_write) as proxy:
        environment = {**os.environ, "SALES_PORT_BASE": str(proxy.port - 2)}
        process.append(
            subprocess.Popen([sys.executable, "-c", SMALL_BATCHES], env=environment, cwd=ROOT)
        )
        assert process[0].wait(timeout=60) == -9
    return proxy


def test_a_plan_is_sent_verified_and_a_second_apply_sends_nothing(
    crm: Crm, waiting: ledgers.Plan
) -> None:
    assert apply("tryton", crm=crm.adapter).sent == len(ACCOUNTS)
    before = crm.revisions()
    again = apply("tryton", waiting.plan_id, crm.adapter)
    assert (again.sent, again.outcomes) == (0, {"written": len(ACCOUNTS)})
    assert crm.revisions() == before
    seen = verify("tryton", crm=crm.adapter)
    assert (seen.plan.state, seen.records, seen.differing) == ("applied", len(ACCOUNTS), ())


def test_verify_names_what_is_not_as_delivered(crm: Crm, waiting: ledgers.Plan) -> None:
    with pytest.raises(DeliveryError, match="is planned, not applied"):
        verify("tryton", crm=crm.adapter)
    apply("tryton", crm=crm.adapter)
    crm.edit("105", score_grade="E")
    seen = verify("tryton", crm=crm.adapter)
    assert (seen.plan.state, seen.differing) == ("applied", (("105", "score_grade"),))


def test_an_altered_plan_is_refused(crm: Crm, waiting: ledgers.Plan) -> None:
    name = "ops.crm_plan_items"
    rows = lake.read(name).to_pylist()
    changed = [row | {"new_value": "A"} if row["field"] == "score_grade" else row for row in rows]
    log = table(name)
    assert isinstance(log, Log)
    lake.replace(log, changed, "connection = 'tryton'")
    with pytest.raises(DeliveryError, match="altered"):
        apply("tryton", crm=crm.adapter)
    assert crm.shows("101", "score_grade") is None


def test_a_plan_made_too_long_ago_is_refused_though_it_was_taken_up_since(
    crm: Crm, waiting: ledgers.Plan
) -> None:
    Ledger("tryton").record(waiting, "applying")
    ledger, mapping = Ledger("tryton"), mappings.load("tryton")
    made_days_ago(waiting, mapping.limits.plan_days - 0.1)
    assert not limits.is_too_old(ledger, ledger.plan(None), mapping)
    made_days_ago(waiting, 0.2)
    with pytest.raises(DeliveryError, match="older than 7 days; plan again"):
        apply("tryton", crm=crm.adapter)
    assert crm.shows("101", "score_grade") is None


def test_a_plan_for_another_crm_is_refused(crm: Crm, waiting: ledgers.Plan) -> None:
    described = crm.adapter.describe()

    class Another(Tryton):
        def describe(self):  # type: ignore[no-untyped-def]
            return type(described)(**{**vars(described), "instance": "set up anew"})

    other = Another(crm.adapter._session, REQUEST_SECONDS)
    with pytest.raises(DeliveryError, match="this one is set up"):
        apply("tryton", crm=other)


def test_there_is_one_writer_of_a_connection(
    crm: Crm, waiting: ledgers.Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgers, "LOCK_SECONDS", 0.1)
    with (
        FileLock(crm.settings.locks / "crm-tryton.lock"),
        pytest.raises(Busy, match="another delivery to tryton"),
    ):
        apply("tryton", crm=crm.adapter)


def test_a_record_that_moved_since_the_plan_is_left_alone(crm: Crm, waiting: ledgers.Plan) -> None:
    crm.edit("103", score_spend_band="theirs")
    crm.edit("104", age_band="55-64")
    done = apply("tryton", crm=crm.adapter)
    assert done.outcomes == {"written": len(ACCOUNTS) - 1, "conflict": 1}
    assert crm.shows("103", "score_spend_band") == "theirs"
    assert crm.shows("104", "score_grade") == "B", "another field of the record is no conflict"


def test_a_lost_answer_is_settled_by_a_read_and_nothing_is_sent_twice(
    crm: Crm, waiting: ledgers.Plan
) -> None:
    with Wire(crm.settings.crm_url, dialect="tryton", on_write=lambda n: n == 1) as proxy:
        secret = crm.settings.secret("crm_pipeline")
        behind = Tryton(Session(proxy.url, "pipeline", secret), REQUEST_SECONDS)
        done = apply("tryton", crm=behind)
    assert proxy.writes == 1
    assert done.outcomes == {"written": len(ACCOUNTS)}


def test_a_plan_of_which_customers_were_put_off_is_partly_sent_and_goes_on(
    crm: Crm, waiting: ledgers.Plan
) -> None:
    done = apply("tryton", crm=PutsOff(crm.adapter._session, REQUEST_SECONDS))
    assert (done.plan.state, done.left) == ("partly", 1)
    assert done.outcomes == {"written": len(ACCOUNTS) - 1, "transient": 1}
    seen = verify("tryton", crm=crm.adapter)
    assert (seen.plan.state, seen.differing, seen.missing) == ("partly", (), {"transient": 1})
    assert str(seen.plan.note).endswith("not written: 1 transient")
    before = crm.revisions()
    again = apply("tryton", crm=crm.adapter)
    assert (again.plan.state, again.sent, again.left) == ("applied", 1, 0)
    after = crm.revisions()
    assert sum(before[a] != after[a] for a in ACCOUNTS) == 1, "no second write"
    assert verify("tryton", crm=crm.adapter).plan.state == "applied"


def test_one_customer_that_stays_locked_is_left_for_the_next_apply(
    crm: Crm, waiting: ledgers.Plan
) -> None:
    done = apply("tryton", crm=Locks(crm.adapter._session, REQUEST_SECONDS))
    assert (done.plan.state, done.left) == ("partly", 1)
    assert done.outcomes == {"written": len(ACCOUNTS) - 1, "transient": 1}


def test_who_was_found_gone_is_not_compared_again(crm: Crm, waiting: ledgers.Plan) -> None:
    crm.delete("103")
    assert apply("tryton", crm=crm.adapter).outcomes["conflict"] == 1
    outbox.write([outbox.row(account, grade="A") for account in ACCOUNTS])
    made = plan("tryton", crm=crm.adapter)
    assert (made.customers, made.records) == (len(ACCOUNTS) - 1, len(ACCOUNTS) - 1)


def test_verify_counts_whom_a_plan_did_not_reach(crm: Crm, waiting: ledgers.Plan) -> None:
    crm.edit("103", score_spend_band="theirs")
    apply("tryton", crm=crm.adapter)
    seen = verify("tryton", crm=crm.adapter)
    assert (seen.plan.state, seen.records) == ("applied", len(ACCOUNTS) - 1)
    assert seen.missing == {"conflict": 1}


@pytest.mark.parametrize("kill_at_write", [1, 2, 3])
def test_a_killed_apply_run_again_leaves_the_crm_as_one_run(
    crm: Crm, waiting: ledgers.Plan, kill_at_write: int
) -> None:
    killed_apply(crm, kill_at_write)
    reached = {a for a in ACCOUNTS if crm.shows(a, "score_grade") == "B"}
    assert len(reached) == 3 * kill_at_write
    before = crm.revisions()
    done = apply("tryton", crm=crm.adapter)
    assert done.outcomes == {"written": len(ACCOUNTS)}
    assert done.sent == len(ACCOUNTS) - len(reached)
    after = crm.revisions()
    assert {a for a in ACCOUNTS if before[a] == after[a]} == reached, "no second write"
    assert {crm.shows(a, "score_grade") for a in ACCOUNTS} == {"B"}
    assert len(events("written")) == len(ACCOUNTS)
    assert verify("tryton", crm=crm.adapter).differing == ()


def test_a_plan_after_a_killed_apply_knows_what_reached_the_crm(
    crm: Crm, waiting: ledgers.Plan
) -> None:
    killed_apply(crm, kill_at_write=1)
    outbox.write([outbox.row(account, grade="A") for account in ACCOUNTS])
    made = plan("tryton", crm=crm.adapter)
    assert made.blocked == 0, "what the killed run wrote is ours, not a person's edit"
    apply("tryton", crm=crm.adapter)
    assert {crm.shows(account, "score_grade") for account in ACCOUNTS} == {"A"}


def test_a_crm_that_cannot_be_reached_leaves_the_plan_to_be_taken_up(
    crm: Crm, waiting: ledgers.Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session._sent.retry, "stop", lambda state: True)  # type: ignore[attr-defined]
    away = Tryton(Session("http://127.0.0.1:9", "pipeline", "x"), REQUEST_SECONDS)
    with pytest.raises(CrmError, match="cannot be reached"):
        apply("tryton", crm=away)
    assert apply("tryton", crm=crm.adapter).sent == len(ACCOUNTS)


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """One of the commands that a person types."""
    return subprocess.run(
        [sys.executable, "-m", "jobs.delivery", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ.copy(),
    )


def test_the_commands_tell_what_they_did(crm: Crm) -> None:
    outbox.write([outbox.row("101"), outbox.row("no such")])
    told = ""
    for word in ("doctor", "plan", "apply", "apply", "verify", "status"):
        ran = command(word)
        assert (ran.returncode, ran.stderr) == (0, "")
        told += ran.stdout
    assert "23 fields are there and may be written" in told
    assert "customers that it lacks are reported, not created; it finds ours by code" in told
    assert "1 not_in_crm" in told
    assert "applied: 1 customers written now" in told
    assert "applied: 0 customers written now" in told
    assert "22 of 22 fields as delivered" in told
    assert Ledger("tryton").plans()[-1].note == "verified: 22 of 22 fields as delivered"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["apply"], "tryton has no plan yet: run `python -m jobs.delivery plan --conn"),
        (["verify"], "tryton has no plan yet: run `python -m jobs.delivery plan --conn"),
        (["apply", "--connection", "x'y"], 'no connection "x\'y"; the connections are: tryton'),
        (["plan"], "scores.crm_outbox does not exist"),
    ],
)
def test_a_command_that_cannot_do_its_work_says_why_in_a_sentence(
    crm: Crm, words: list[str], told: str
) -> None:
    ran = command(*words)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"error: {told}")
    assert ran.stderr.count("\n") == 1


def test_the_commands_say_what_is_not_as_delivered_and_fail(
    crm: Crm, waiting: ledgers.Plan
) -> None:
    apply("tryton", crm=PutsOff(crm.adapter._session, REQUEST_SECONDS))
    ran = command("verify")
    assert ran.returncode == 1
    assert "not written: 1 transient" in ran.stdout
    assert ran.stderr.startswith("error: the CRM put 1 customers off: run `apply --conn")
    assert command("apply").returncode == 0
    crm.edit("105", score_grade="E")
    ran = command("verify")
    assert ran.returncode == 1
    assert "customer 105: score_grade is not as delivered" in ran.stdout
    assert command("plan", "nonsense").returncode == 2


def test_an_edit_after_the_first_verify_is_a_persons_and_no_form_of_ours(crm: Crm) -> None:
    reasons = [{"code": "a", "text": "Likes <milk> and bread"}]
    outbox.write([outbox.row(account, reasons=reasons) for account in ACCOUNTS])
    plan("tryton", crm=crm.adapter)
    apply("tryton", crm=crm.adapter)
    assert verify("tryton", crm=crm.adapter).differing == ()
    crm.edit("101", score_reasons="Likes and bread")
    assert verify("tryton", crm=crm.adapter).differing == (("101", "score_reasons"),)
    reasons = [{"code": "a", "text": "Likes cheese"}]
    outbox.write([outbox.row(account, reasons=reasons) for account in ACCOUNTS])
    plan("tryton", crm=crm.adapter)
    apply("tryton", crm=crm.adapter)
    assert crm.shows("101", "score_reasons") == "Likes and bread"


def test_what_cannot_be_written_down_ends_the_apply_with_its_error(
    crm: Crm, waiting: ledgers.Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = Ledger.resolve

    def full(self: Ledger, plan: ledgers.Plan, changes: Sequence[Change], *told: object) -> None:
        if changes:
            raise OSError("the disk is full")
        resolve(self, plan, changes, *told)  # type: ignore[arg-type]

    with monkeypatch.context() as broken:
        broken.setattr(Ledger, "resolve", full)
        with pytest.raises(OSError, match="the disk is full"):
            apply("tryton", crm=crm.adapter)
    before = crm.revisions()
    assert apply("tryton", crm=crm.adapter).outcomes == {"written": len(ACCOUNTS)}
    assert crm.revisions() == before, "it was found out, and nothing was sent twice"


class Down(Tryton):
    """A CRM that takes five customers a request, and puts all of them off."""

    asked = 0

    def describe(self) -> Description:
        return replace(super().describe(), batch_records=5)

    def write(
        self, batch: Sequence[Change], started: Callable[[str], None] = untold
    ) -> list[Result]:
        self.asked += 1
        return [Result(c.subject, "transient", "busy") for c in batch]


def test_a_crm_that_takes_nothing_ends_the_run_however_small_its_batches_are(
    crm: Crm, waiting: ledgers.Plan
) -> None:
    down = Down(crm.adapter._session, REQUEST_SECONDS)
    with pytest.raises(CrmError, match="the CRM takes nothing: busy"):
        apply("tryton", crm=down)
    assert down.asked == 2
    newest = Ledger("tryton").plan(None)
    assert newest.state == "partly"
    assert "takes nothing" in str(newest.note)
