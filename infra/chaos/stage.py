"""One run played: a CRM, an outbox, a plan, a fault amid its apply, people who edit meanwhile.

Nothing is judged here: what came of it is gathered as `Evidence`.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.chaos import connection
from infra.chaos.connection import settled, straight
from infra.chaos.crms import Crm, Snapshot, free_port
from infra.chaos.evidence import ITEMS, Applied, Edit, Evidence, Kill, Seen, told
from infra.chaos.story import TODAY, Moment, Rows, Story, rows, targets
from infra.chaos.watching import key_of, watched
from infra.sandbox.dialects.plain import Touched
from infra.sandbox.wire import Wire
from jobs import lake
from jobs.delivery import apply as applying
from jobs.delivery import plan as planning
from jobs.delivery.controls import Controls
from jobs.delivery.ledger import Ledger, Plan, log_of
from jobs.settings import ROOT
from tests.delivery import outbox

TRIES = 6  # of apply, until it has ended well
APPLY_SECONDS = 300.0  # an apply that takes longer hangs
SENDING = (sys.executable, "-m", "infra.chaos.sending")


class Stage:
    """Where one story is played.

    Args:
        program: the command that applies; it gets the connection's name and the plan's id.
    """

    def __init__(
        self, story: Story, crm: Crm, folder: Path, program: Sequence[str] = SENDING
    ) -> None:
        self.story, self.crm, self.folder, self.program = story, crm, folder, program
        self.edits: list[Edit] = []
        self.kill: Kill | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._keys: dict[str, str] = {}  # customers by the CRM's id, and by themselves
        self._is_real = False  # what is sent now is the plan, not what must be refused
        self._arrived, self._sent = 0, list[Touched]()  # write requests; what the last one has

    def play(self) -> Evidence:
        port = free_port()
        with settled(self.story, self.crm, self.folder, port):
            first, second, third = rows(self.story, self.crm)
            before = self._begun(first)
            older = self._superseded(second) if self.story.refusal == "superseded" else None
            plan = self._planned(second)
            dialect = watched(self.crm.name, self._arrives)
            with self._wire(dialect, port) as wire:
                refused, sent = self._refused(plan, older), wire.writes
                self._is_real, started = True, time.monotonic()
                applies = self._applied(plan)
                seconds = time.monotonic() - started
            seen = Seen(dialect.reads, dialect.writes, wire.entries, self.kill, sent)
            after = self.crm.snapshot()
            outbox.write(third)
            return Evidence(
                self.story,
                self.crm,
                self._wanted(second),
                before,
                after,
                self.edits,
                seen,
                told(plan, self._plan()),
                refused,
                applies,
                seconds,
            )

    def _begun(self, first: Rows) -> Snapshot:
        """The CRM before the plan: with what was delivered before, and what people wrote."""
        self.crm.has(self.story.present)
        if self.story.has_history:
            outbox.write(first)
            crm = straight(self.story, self.crm)
            applying.apply(connection.NAME, self._plan().plan_id, crm)
        for key in self.story.early:
            self._edit(key, self.crm.hand, "early")
        before = self.crm.snapshot()
        self._keys = {row.id: row.key for row in before.rows}
        self._keys |= {key: key for key in (*self.story.customers, *self.story.bystanders)}
        return before

    def _planned(self, second: Rows) -> Plan:
        """The plan that is sent; after it people edit, and the CRM becomes stricter."""
        outbox.write(second)
        plan = self._plan()
        for key in self.story.late:
            self._edit(key, self.crm.hand, "late")
        self.crm.narrow()
        return plan

    def _superseded(self, second: Rows) -> Plan:
        """A plan that a newer one takes the place of."""
        outbox.write([{**row, "model_version": "superseded"} for row in second])
        return self._plan()

    def _plan(self) -> Plan:
        crm = straight(self.story, self.crm)
        return planning.plan(connection.NAME, TODAY, crm, allow_mass_clear=True)

    def _wanted(self, second: Rows) -> dict[str, dict[str, str | None]]:
        """What is to be shown; of customers that left the outbox nothing."""
        fields = self.crm.fields
        wanted = {
            row["account_id"]: {fields[c]: v for c, v in targets(row).items() if c in fields}
            for row in second
        }
        nothing: dict[str, str | None] = dict.fromkeys(fields.values())
        return wanted | {key: dict(nothing) for key in self.story.gone}

    def _wire(self, dialect: Any, port: int) -> Wire:
        return Wire(
            self.crm.url,
            self.story.fault,
            dialect,
            port=port,
            tls=self.crm.tls,
            on_write=self._answered,
            restart=self.crm.restart,
        )

    def _refused(self, plan: Plan, older: Plan | None) -> Applied:
        """An apply that must not send anything."""
        controls, ledger = Controls(connection.NAME), Ledger(connection.NAME)
        match self.story.refusal:
            case "paused":
                controls.say("pause", "chaos")
                refused = self._run(plan.plan_id)
                controls.say("resume", "chaos")
            case "altered_plan":
                ledger.record(replace(plan, outbox_version=plan.outbox_version + 1), plan.state)
                refused = self._run(plan.plan_id)
                ledger.record(plan, plan.state)
            case "altered_items":
                mine = f"plan_id = '{plan.plan_id}'"
                items = ledger.rows(ITEMS, mine)
                altered = [items[0] | {"new_value": "altered"}, *items[1:]]
                lake.replace(log_of(ITEMS), altered, mine)
                refused = self._run(plan.plan_id)
                lake.replace(log_of(ITEMS), items, mine)
            case _:
                assert older is not None
                refused = self._run(older.plan_id)
        return refused

    def _applied(self, plan: Plan) -> list[Applied]:
        """Apply, again and again until it has ended well; two at once where the story has it so."""
        done: list[Applied] = []
        if self.story.kind == "two_at_once":
            both = [self._start(plan.plan_id) for _ in range(2)]
            done = [self._ended(process) for process in both]
        while len(done) < TRIES and not any(each.code == 0 for each in done):
            done.append(self._run(plan.plan_id))
        return done

    def _run(self, plan_id: str) -> Applied:
        return self._ended(self._start(plan_id))

    def _start(self, plan_id: str) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [*self.program, connection.NAME, plan_id],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return self._process

    def _ended(self, process: subprocess.Popen[bytes]) -> Applied:
        try:
            said, _ = process.communicate(timeout=APPLY_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return Applied(None, f"no end after {APPLY_SECONDS:g} s")
        lines = said.decode().strip().splitlines()
        return Applied(process.returncode, lines[-1] if lines else "")

    def _arrives(self, records: list[Touched]) -> None:
        """A write request is at the wire, and the server has not been given it."""
        if not self._is_real:
            return
        self._arrived += 1
        self._sent = records or self._sent  # the word that starts a job has none of its own
        self._people("before")
        if self.story.kind == "kill_before" and self._arrived == self.story.on:
            self._kill()

    def _answered(self, n: int) -> bool:
        """The server has answered a write request; true: the answer is lost."""
        self._people("after")
        is_due = self.story.kind == "kill_after" and self._arrived == self.story.on
        if is_due and not self.kill:
            self._kill()
        return is_due

    def _kill(self) -> None:
        assert self._process is not None
        self.kill = Kill(time.monotonic(), list(self._sent))
        self._process.kill()

    def _people(self, at: str) -> None:
        """What people do at this moment."""
        for number, moment in enumerate(self.story.moments):
            if (moment.at, moment.n) == (at, self._arrived):
                self._person(moment, random.Random(f"{self.story.seed} {number}"))

    def _person(self, moment: Moment, chance: random.Random) -> None:
        here = self.story.present
        if moment.is_of_it:
            found = {key_of(each.id, self._keys) for each in self._sent}
            here = [key for key in here if key in found]
        here = [key for key in here if key not in self.story.bad]
        if here:
            field = self.crm.hand if moment.field == "hand" else self.crm.other
            self._edit(chance.choice(here), field, moment.at)

    def _edit(self, key: str, field: str, when: str) -> None:
        value, begun = f"a person's {len(self.edits)}", time.monotonic()
        self.crm.edit(key, field, value)
        self.edits.append(Edit(key, field, value, begun, time.monotonic(), when))
