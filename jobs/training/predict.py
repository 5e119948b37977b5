"""Ask the champion and land its answers as of a business date.

`python -m jobs.training.predict recommenders --as-of 2017-11-26`

landing/<entity>/.answered/<fingerprint>.json   the batch that answers a question asked before
"""

import datetime as dt
import importlib
import json
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import typer
from mlflow.entities.model_registry import ModelVersion
from pyarrow.lib import ArrowException

from jobs import command, lake, landing
from jobs.increment import midnight
from jobs.ops.offers import TABLE as OFFERS
from jobs.settings import settings
from jobs.training import grades, parts, tracking
from jobs.training.family import (
    FAMILIES,
    Answers,
    Count,
    Dataset,
    Family,
    FamilyName,
    Graded,
    family,
)
from jobs.training.written import whole

logger = logging.getLogger(__name__)


class NoChampion(Exception):
    """No version of the family has the alias `champion`."""


class SawLater(Exception):
    """The champion has learnt from days after the one that is asked for."""


def predict(name: str, as_of: dt.date | None = None, size: int | None = None) -> landing.Manifest:
    """Land the champion's answers as of a date; the same question is answered only once.

    Raises:
        NoChampion: nothing was promoted yet.
        SawLater: the champion knows more than was known on the date.
    """
    of = family(name)
    version = tracking.champion(name)
    if version is None:
        raise NoChampion(
            f"{name} has no champion; run `python -m jobs.training.promote {name}` first"
        )
    if as_of and as_of < dt.date.fromisoformat(version.tags["as_of"]):
        raise SawLater(
            f"{name}: champion version {version.version} learnt up to {version.tags['as_of']}; its"
            f" answers as of {as_of} would know the future. Ask for a later day, or let"
            f" `python -m jobs.training.bench {name} --cut {as_of}` judge what was known then"
        )
    newest = [Dataset(table, lake.version(table)) for table in of.tables]
    if landed := answered(of, question(version, newest, as_of, size)):
        logger.info("%s: already answered by %s", name, landed.batch_id)
        return landed
    with tempfile.TemporaryDirectory() as folder:
        saved = tracking.download(version, Path(folder))
        ask = parts.answers if parts.are_needed(of.name) else answers
        found = ask(of, version.tags["model"], saved, as_of, size)
        rows = found.rows.assign(
            model_name=version.tags["model"],
            model_version=str(version.version),
            feature_version=found.datasets[0].version,
            as_of_date=found.until,
            valid_until=found.until + dt.timedelta(days=of.valid_days),
        )
        edges = grades.kept(version)
        if edges and isinstance(of, Graded):
            rows = rows.assign(grade=grades.graded(of.good(rows["score"]), edges))
        manifest = _landed(of, found.until, rows, f"{name}@{version.version}", Path(folder))
    if found.counts:
        _count(version, manifest, found)
    _remember(of, question(version, found.datasets, as_of, size), manifest, size)
    logger.info("%s: %s rows landed as %s", of.entity, f"{len(rows):,}", manifest.batch_id)
    return manifest


def answers(
    of: Family, model: str, saved: Path, as_of: dt.date | None, size: int | None
) -> Answers:
    """What a saved model says, all of it in this process."""
    data = of.data(as_of)
    until = as_of or data.newest
    fitted = of.model(model).load(saved)
    rows = of.predict(fitted, data, until, size)
    counts: Sequence[Count] = getattr(fitted, "counts", None) or ()
    asked = data.frames["accounts"]["account_id"].nunique() if counts else 0
    return Answers(rows, data.datasets, until, counts, asked)


def _count(version: ModelVersion, manifest: landing.Manifest, found: Answers) -> None:
    """Say what each rung served and each rule took; of a batch that is made again, the newest."""
    common = {
        "batch_id": manifest.batch_id,
        "made_at": tracking.now(),
        "family": version.name,
        "model_name": version.tags["model"],
        "model_version": str(version.version),
        "as_of_date": found.until,
    }
    told = [common | asdict(c) | {"share": c.accounts / max(found.asked, 1)} for c in found.counts]
    lake.replace(OFFERS, told, f"batch_id = '{manifest.batch_id}'")
    for c in found.counts:
        logger.info(
            "%s %s: %d of %d accounts, %d offers", c.kind, c.code, c.accounts, found.asked, c.offers
        )


def question(
    version: ModelVersion, datasets: Sequence[Dataset], as_of: dt.date | None, size: int | None
) -> str:
    """Fingerprint of everything that decides the answers; no date: the newest of the datasets."""
    return tracking.fingerprint(
        kind="predict",
        family=version.name,  # two may learn from the same tables by the same code
        version=str(version.version),
        datasets=list(datasets),
        as_of=as_of,
        size=size,
        code=tracking.code_version(version.name).partition("+")[2],
        rules=business_rules(version.name),
    )


def business_rules(name: str) -> list[str]:
    """What a business person has written beside the family's models: it decides answers too."""
    home = Path(str(importlib.import_module(FAMILIES[name]).__file__)).parent
    return [path.read_text() for path in sorted(home.glob("*.yaml"))]


def answered(of: Family, mark: str) -> landing.Manifest | None:
    """The landed answers to a question; null if there are none, or others in their place."""
    path = _answer(of, mark)
    if not path.exists():
        return None
    told = json.loads(path.read_text())
    found = landing.manifests(of.entity).get(told["batch_id"])
    return found if found and found.sha256 == told["sha256"] else None


def days(of: Family) -> list[dt.date]:
    """Days of which a family's answers lie landed."""
    start = f"models/{of.name}-"
    told = [name for name in landing.manifests(of.entity) if name.startswith(start)]
    return [dt.date.fromisoformat(name.removeprefix(start)) for name in told]


def size_asked(of: Family, as_of: dt.date) -> int | None:
    """The size that the landed answers of a day were asked with; null: the family's own."""
    manifest = landing.manifests(of.entity)[f"models/{_batch(of, as_of)}"]
    for path in _answer(of, "any").parent.glob("*.json"):
        told = json.loads(path.read_text())
        if (told["batch_id"], told["sha256"]) == (manifest.batch_id, manifest.sha256):
            return told.get("size")
    return None


def _remember(of: Family, mark: str, manifest: landing.Manifest, size: int | None) -> None:
    """Written after landing: killed in between, the same answers are landed again, and are none."""
    told = {"batch_id": manifest.batch_id, "sha256": manifest.sha256, "size": size}
    with whole(_answer(of, mark)) as candidate:
        candidate.write_text(json.dumps(told))


def _answer(of: Family, mark: str) -> Path:
    return settings().landing / of.entity / ".answered" / f"{mark}.json"


def _landed(
    of: Family, as_of: dt.date, answers: pd.DataFrame, watermark: str, folder: Path
) -> landing.Manifest:
    """The batch with these answers: the one that is there, where only the feature version differs.

    A week's forecasts are asked for every day, and every day the feature table has a new version:
    that is no new answer. `feature_version` then goes on telling from which they were first made.
    """
    table = pa.Table.from_pandas(answers, preserve_index=False).replace_schema_metadata(None)
    before = landing.manifests(of.entity).get(f"models/{_batch(of, as_of)}")
    if before and before.watermark == watermark and _same(before, table):
        return before
    file = folder / f"{of.entity}.parquet"
    pq.write_table(table, file)
    return _land(of, as_of, file, watermark, table.column_names)


def _same(before: landing.Manifest, table: pa.Table) -> bool:
    [file] = before.files
    try:
        kept = pq.read_table(before.folder / file.name)
    except (OSError, ArrowException):
        return False  # bronze says what is wrong with a broken file; it is no answer
    told = ["feature_version"]
    return bool(kept.drop_columns(told).equals(table.drop_columns(told)))


def _batch(of: Family, as_of: dt.date) -> str:
    """The family names the batch: two of them may answer for one entity."""
    return f"{of.name}-{as_of}"


def _land(
    of: Family, as_of: dt.date, file: Path, watermark: str, columns: list[str]
) -> landing.Manifest:
    """Answers as of D are known when D has ended in the company's time zone."""
    ended = midnight(as_of + dt.timedelta(days=1))
    return landing.land(
        of.entity,
        "models",
        _batch(of, as_of),
        [file],
        mode="events",
        known_at=ended,
        watermark=watermark,
        columns={column: column for column in columns},
        format="parquet",
    )


def main(
    family: Annotated[FamilyName, typer.Argument(help="what is asked of the models")],
    as_of: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="last business date that the answers may know"),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option("--k", min=1, max=1_000, help="products per account, or steps ahead"),
    ] = None,
) -> None:
    command.tell_facts()
    predict(family, as_of.date() if as_of else None, size)


if __name__ == "__main__":
    command.run(main)
