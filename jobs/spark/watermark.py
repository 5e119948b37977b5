"""What a table was last built from, and what it would be built from now."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from jobs import lake, landing
from jobs.ops import builds
from jobs.spark import store
from jobs.spark.fingerprint import fingerprint
from jobs.spark.store import Pin
from jobs.table import Built, Landed


@dataclass(frozen=True)
class Watermark:
    """What a table was last built from: the code, and each input at a version (or batches)."""

    code: Mapping[str, str]  # see fingerprint
    inputs: dict[str, Pin]
    batches: str | None = None  # landed tables: sha256 of the list of batches (landing.take)

    def to_json(self) -> str:
        return json.dumps(
            {
                "code": dict(self.code),
                "inputs": {n: [p.table_id, p.version] for n, p in sorted(self.inputs.items())},
                "batches": self.batches,
            }
        )

    @staticmethod
    def from_json(text: str) -> "Watermark":
        told = json.loads(text)
        pins = {name: Pin(*pair) for name, pair in told["inputs"].items()}
        # one hash of everything, as it once was, says nothing of the parts: all are other
        code = told["code"] if isinstance(told["code"], dict) else {}
        return Watermark(code, pins, told["batches"])


def last(which: Built) -> Watermark | None:
    """What holds: the newest commit's, or that of a later build whose last commit carried none.

    (A build that found its output unchanged, or the last chunk of it.)
    """
    commit, taken_back = store.last_told(which.name)
    told = str(commit["watermark"]) if commit else None
    at = store.pin(which.name)
    held = [f"table_version between {commit['version'] if commit else 0} and {at.version}"]
    held += [f"table_version not between {first} and {until}" for first, until in taken_back]
    if lake.exists(builds.TABLE.name):
        later = lake.read(
            builds.TABLE.name,
            sql=f"""select watermark from t
                where table_name = '{which.name}' and outcome in ('unchanged', 'written')
                and watermark is not null and table_id = '{at.table_id}' and {" and ".join(held)}
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
        return f"code changed: {', '.join(changed_parts(was, now))}"
    if set(was.inputs) != set(now.inputs):
        return "other inputs than before"
    for name, before in was.inputs.items():
        if before.table_id != now.inputs[name].table_id:
            return f"{name} was made anew"
        if before.version > now.inputs[name].version:
            return f"{name} was restored to version {now.inputs[name].version}"
    return None


def changed_parts(was: Watermark, now: Watermark) -> list[str]:
    """Parts of the code that are other than before: files, SCHEMA, settings."""
    names = {*was.code, *now.code}
    return sorted(name for name in names if was.code.get(name) != now.code.get(name))


def batches(which: Landed) -> dict[str, str]:
    return {name: m.sha256 for name, m in landing.manifests(which.entity).items()}
