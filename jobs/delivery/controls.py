"""What people said about a connection, in ops.crm_controls: pause, release, replay, discard."""

import datetime as dt
import getpass
from typing import Any

import duckdb
import pyarrow as pa

from jobs import lake
from jobs.delivery.ledger import REFUSED, DeliveryError, Ledger, log_of
from jobs.delivery.scratch import load
from jobs.sql import literal

NAME = "ops.crm_controls"


class Controls:
    """A connection's controls."""

    def __init__(self, connection: str) -> None:
        self.connection = connection

    def say(
        self,
        verb: str,
        person: str | None = None,
        reason: str | None = None,
        **of: str | None,
    ) -> None:
        """Write down what a person said; null: the user of this machine.

        Args:
            of: plan_id, account_id, field, evidence.
        """
        told = dict.fromkeys(("plan_id", "account_id", "field", "evidence")) | of
        # a clock that was put back does not undo what is said now; others are held against events,
        # which have the same clock
        order = ("pause", "resume")
        told_at = [row["at"] for row in self.said(*order)] if verb in order else []
        now = dt.datetime.now(dt.UTC)
        row = {
            "connection": self.connection,
            "verb": verb,
            "person": person or getpass.getuser(),
            "reason": reason,
            "at": max([now, *(at + dt.timedelta(microseconds=1) for at in told_at)]),
        }
        lake.append(log_of(NAME), [row | told])

    def said(self, *verbs: str) -> list[dict[str, Any]]:
        """What was said with these verbs, oldest first."""
        rows = Ledger(self.connection).rows(NAME, lake.one_of("verb", verbs))
        return sorted(rows, key=lambda row: row["at"])

    def pause(self) -> dict[str, Any] | None:
        """What pauses the connection; null: nothing does."""
        newest = self.said("pause", "resume")[-1:]
        return newest[0] if newest and newest[0]["verb"] == "pause" else None

    def refuse_paused(self) -> None:
        """Raise DeliveryError where the connection is paused."""
        if pause := self.pause():
            why = f": {pause['reason']}" if pause["reason"] else ""
            raise DeliveryError(
                f"{self.connection} is paused by {pause['person']} since "
                f"{pause['at']:%Y-%m-%d %H:%M} UTC{why}; "
                f"`python -m jobs.delivery resume --connection {self.connection}` ends it"
            )

    def load(self, db: duckdb.DuckDBPyConnection) -> None:
        """Load `released`, and `dead`: the values of customers that the CRM refused."""
        mine = f"connection = {literal(self.connection)}"
        of = 'account_id varchar, field varchar, "at" timestamptz'
        load(db, "released", NAME, of, f"{mine} and verb = 'release'")
        dead = dead_letters(self.connection, with_discarded=True)
        found = [(e["plan_id"], e["account_id"]) for e in dead]
        schema = pa.schema([("plan_id", pa.string()), ("account_id", pa.string())])
        rows = [dict(zip(schema.names, pair, strict=True)) for pair in found]
        db.register("letters", pa.Table.from_pylist(rows, schema))
        plans = lake.one_of("plan_id", {plan for plan, _ in found})
        values = "plan_id varchar, account_id varchar, field varchar, new_value varchar"
        load(
            db, "dead", "ops.crm_plan_items", values, f"{mine} and action <> 'blocked' and {plans}"
        )
        db.execute("""
            delete from dead where not exists (
                select 1 from letters l
                where l.plan_id = dead.plan_id and l.account_id = dead.account_id
            )
        """)
        db.unregister("letters")


def dead_letters(connection: str, with_discarded: bool = False) -> list[dict[str, Any]]:
    """The newest event of each customer whose last values the CRM refused, oldest first.

    They are sent again when the values change or a person says `replay`.
    """
    ledger, controls = Ledger(connection), Controls(connection)
    ended = f"connection = {literal(connection)} and event not in ('intent', 'sent')"
    newest = f"select max(sequence) from t where {ended} group by account_id"  # noqa: S608 quoted
    events = ledger.events(f"{lake.one_of('event', REFUSED)} and sequence in ({newest})")
    over = controls.said("replay") if with_discarded else controls.said("replay", "discard")
    return [e for e in events if not any(_is_about(word, e) for word in over)]


def _is_about(word: dict[str, Any], event: dict[str, Any]) -> bool:
    """Whether a word was said of a customer's event after it, or of everyone's."""
    return bool(word["account_id"] in (None, event["account_id"]) and word["at"] > event["at"])
