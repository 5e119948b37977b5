"""What people say about two accounts: landed like any source's rows, each word a batch."""

import csv
import datetime as dt
import tempfile
import uuid
from pathlib import Path
from typing import Literal

from jobs import lake
from jobs.landing import Manifest, land, manifests

ENTITY, SYSTEM = "identity_decisions", "decisions"
FILE = "decision.csv"
COLUMNS = ("account_id_a", "account_id_b", "decision", "decided_by", "decided_at")

Decision = Literal["same", "different"]
Pair = frozenset[str]


class CannotDecide(Exception):
    """There are no two such accounts, or nobody who says it."""


def decide(a: str, b: str, decision: Decision, by: str) -> Manifest:
    """Land a person's word; the next build of silver.account_identities follows it.

    Raises:
        CannotDecide: an account is not known, or both are one, or nobody says it.
    """
    if not by.strip():
        raise CannotDecide("say who decides: --by and a role or a pseudonym")
    if a == b:
        raise CannotDecide(f"account {a} is the same as itself: name two accounts")
    if unknown := sorted({a, b} - _known(a, b)):
        raise CannotDecide(
            f"no account {' and no account '.join(unknown)} in silver.account_identities: see the "
            "ids in `python -m jobs.identity review`, or build it first"
        )
    now = dt.datetime.now(dt.UTC)
    # no two words share a name: none replaces another, and their order is that of time
    batch = f"{now:%Y-%m-%d.%H%M%S%f}-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        said = (a, b, decision, by, now.replace(tzinfo=None).isoformat(sep=" "))
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([COLUMNS, said])
        return land(
            ENTITY,
            SYSTEM,
            batch,
            [path],
            mode="events",
            known_at=now,
            watermark=now.isoformat(),
            columns={},
            format="csv",
        )


def _known(*accounts: str) -> set[str]:
    if not lake.exists("silver.account_identities"):
        return set()
    asked = f"select account_id from t where {lake.one_of('account_id', accounts)}"  # noqa: S608
    found = lake.read("silver.account_identities", sql=asked).to_pylist()
    return {row["account_id"] for row in found}


def decided() -> set[Pair]:
    """Pairs that people spoke about, whether or not a build has followed."""
    pairs: set[Pair] = set()
    for manifest in manifests(ENTITY).values():
        for file in manifest.files:
            with (manifest.folder / file.name).open(newline="", encoding="utf-8") as text:
                pairs |= {
                    frozenset((row["account_id_a"], row["account_id_b"]))
                    for row in csv.DictReader(text)
                }
    return pairs
