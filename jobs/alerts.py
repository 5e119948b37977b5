"""Tells people of what went wrong, once, and once that it is well again.

A fault is open from its first message to the message that it is over; `ops.alerts` remembers. Who
is told stands in the secret `alerts`: addresses as apprise takes them, one a line. A server that
does not take a message breaks nothing: the message waits for the next look (jobs/watch.py).

Every task of Airflow imports this at its end: no library that learns may be imported here.
"""

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from jobs import lake
from jobs.ops.alerts import TABLE
from jobs.settings import SettingsError, settings

log = logging.getLogger(__name__)

MEND = "read the task's log, mend the cause, and clear the task: nothing is done twice"
CORRECT = "land a corrected batch or change the rule, and clear the task; readers keep what was"

Kind = Literal["failed", "refused", "late", "worn"]
Sending = Literal["sent", "waiting", "nobody"]


@dataclass(frozen=True)
class Fault:
    """What is wrong, for people: no values of rows, no names, no secrets."""

    unit: str
    kind: Kind
    what: str
    cure: str
    look: str
    since_at: dt.datetime

    def message(self, word: str) -> tuple[str, str]:
        """Title and text; `word` says what became of the fault."""
        lines = {
            "What": self.what,
            "Since": f"{self.since_at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC",
            "To do": self.cure,
            "Look": f"{self.look}, or `make status`",
        }
        if word == "well again":
            del lines["To do"]
        text = "\n".join(f"{head}: {line}" for head, line in lines.items())
        return f"Sales Lakehouse: {self.unit} is {word}", text


def open_faults() -> dict[str, Fault]:
    """Faults that are not over, by their unit."""
    return {u: _fault(row) for u, row in _last_events().items() if row["event"] != "closed"}


def report(fault: Fault) -> bool:
    """Open a fault and tell of it; false where it was open already, and is told of no more."""
    if fault.unit in open_faults():
        return False
    _note("opened", fault, send(*fault.message(fault.kind)))
    return True


def well(unit: str) -> bool:
    """Close a unit's fault and tell of it; false where there is none.

    What nobody has heard of is closed without a word.
    """
    last = _last_events().get(unit)
    if last is None or last["event"] == "closed":
        return False
    fault = _fault(last)
    is_known = last["sending"] == "sent"
    _note("closed", fault, send(*fault.message("well again")) if is_known else "nobody")
    return True


def send_what_waits() -> None:
    """Send once more what no server took, and what nobody could be told of."""
    for row in _last_events().values():
        is_open = row["event"] != "closed"
        if row["sending"] == "waiting" or (is_open and row["sending"] == "nobody" and addresses()):
            fault = _fault(row)
            told = send(*fault.message(fault.kind if is_open else "well again"))
            if told == "sent":
                _note("resent" if is_open else "closed", fault, told)


def addresses() -> list[str]:
    """Who is told: apprise addresses, such as mailto://user:password@example.com; maybe none."""
    try:
        return settings().secret("alerts").split()
    except SettingsError:
        return []


def send(title: str, text: str) -> Sending:
    """Send a message to everyone; it is in the log in any case.

    It is sent where one has taken it: tried again for the others, it would reach that one hourly.
    """
    log.warning("%s\n%s", title, text)
    to = addresses()
    if not to:
        return "nobody"
    # a second of import that a run in which all is well does not pay
    from apprise import Apprise

    bad, deaf = [], []
    for number, address in enumerate(to, start=1):
        sender = Apprise()
        # an address is a secret, and apprise logs one that it cannot use: we tell its place
        logging.getLogger("apprise").setLevel(logging.CRITICAL)
        is_address = sender.add(address)
        logging.getLogger("apprise").setLevel(logging.WARNING)
        if not is_address:
            bad.append(str(number))
        elif not sender.notify(body=text, title=title):
            deaf.append(str(number))
    if bad:
        log.error("alerts: line %s of the secret `alerts` is no apprise address", ", ".join(bad))
    if deaf:
        log.error("alerts: line %s of the secret `alerts` took no message", ", ".join(deaf))
    if len(bad) + len(deaf) < len(to):
        return "sent"
    log.error("alerts: nobody could be told of it; `watch` tries again every hour")
    return "waiting"


def _last_events() -> dict[str, Mapping[str, Any]]:
    """The newest row of each unit."""
    if not lake.exists(TABLE.name):
        return {}
    rows = lake.read(TABLE.name, sql="select * from t order by happened_at").to_pylist()
    return {row["unit"]: row for row in rows}


def _fault(row: Mapping[str, Any]) -> Fault:
    return Fault(**{name: row[name] for name in Fault.__dataclass_fields__})


def _note(event: str, fault: Fault, sending: Sending) -> None:
    row = asdict(fault) | {"event": event, "sending": sending}
    lake.append(TABLE, [row | {"happened_at": now()}])


def now() -> dt.datetime:
    """When something happened (UTC)."""
    return dt.datetime.now(dt.UTC)
