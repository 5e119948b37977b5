"""What a table was last built from, and what it would be built from now."""

import hashlib
import inspect
import json
from dataclasses import dataclass, replace
from pathlib import Path

from jobs import lake, landing
from jobs.ops import builds
from jobs.settings import ROOT
from jobs.spark import store
from jobs.spark.store import Pin
from jobs.table import Built, Landed


@dataclass(frozen=True)
class Watermark:
    """What a table was last built from: the code, and each input at a version (or batches)."""

    code: str
    inputs: dict[str, Pin]
    batches: str | None = None  # landed tables: sha256 of the list of batches (landing.take)

    def to_json(self) -> str:
        return json.dumps(
            {
                "code": self.code,
                "inputs": {n: [p.table_id, p.version] for n, p in sorted(self.inputs.items())},
                "batches": self.batches,
            }
        )

    @staticmethod
    def from_json(text: str) -> "Watermark":
        told = json.loads(text)
        pins = {name: Pin(*pair) for name, pair in told["inputs"].items()}
        return Watermark(told["code"], pins, told["batches"])


def fingerprint(which: Built) -> str:
    """Changes when the table's file, its rules or its schema change."""
    parts = [which.full_schema, repr((which.key, which.inputs))]
    if not isinstance(which, Landed):
        source = inspect.getsourcefile(which.make)
        parts.append(Path(source).read_text() if source else repr(which.make))
    rules = ROOT / "expectations" / Path(*which.name.split(".")).with_suffix(".py")
    parts.append(rules.read_text() if rules.exists() else "")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def last(which: Built) -> Watermark | None:
    """What holds: the newest commit's, or that of a later build whose last commit carried none.

    (A build that found its output unchanged, or the last chunk of it.)
    """
    commit = store.commit_metadata(which.name)
    told = str(commit["watermark"]) if commit else None
    at = store.pin(which.name)
    since = int(str(commit["version"])) if commit else 0
    if lake.exists(builds.TABLE.name):
        later = lake.read(
            builds.TABLE.name,
            sql=f"""select watermark from t
                where table_name = '{which.name}' and outcome in ('unchanged', 'written')
                and watermark is not null and table_id = '{at.table_id}'
                and table_version >= {since}
                order by finished_at desc limit 1""",  # noqa: S608 - our own names and numbers
        )
        if later.num_rows:
            told = later["watermark"][0].as_py()
    return Watermark.from_json(told) if told else None


def current(which: Built) -> Watermark:
    """The code and the inputs as they are now."""
    if isinstance(which, Landed):
        return Watermark(fingerprint(which), {}, landing.take(which.entity, batches(which)))
    pins = {arrow.name: store.pin(arrow.name) for arrow in which.inputs}
    return Watermark(fingerprint(which), pins)


def accepted(was: Watermark, now: Watermark) -> Watermark:
    """The code as it is now, over what the table was built from: newer inputs stay to be built."""
    return replace(was, code=now.code)


def without(now: Watermark, which: Landed, held_back: set[str]) -> Watermark:
    """What holds where batches were held back: they are taken as nothing that could be landed.

    Not as what was taken of them before: where rules have changed, that may be the same file.
    """
    taken = landing.taken(which.entity, now.batches or "") or {}
    return replace(now, batches=landing.take(which.entity, taken | dict.fromkeys(held_back, "")))


def reason_for_everything(was: Watermark | None, now: Watermark) -> str | None:
    """Why the whole table has to be compared, or null."""
    if was is None:
        return "first build"
    if was.code != now.code:
        return f"code changed ({was.code} -> {now.code})"
    if set(was.inputs) != set(now.inputs):
        return "other inputs than before"
    for name, before in was.inputs.items():
        if before.table_id != now.inputs[name].table_id:
            return f"{name} was made anew"
        if before.version > now.inputs[name].version:
            return f"{name} was restored to version {now.inputs[name].version}"
    return None


def batches(which: Landed) -> dict[str, str]:
    return {name: m.sha256 for name, m in landing.manifests(which.entity).items()}
