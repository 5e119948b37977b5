"""Ask the champion and land its answers as of a business date.

`python -m jobs.training.predict recommenders --as-of 2017-11-26`
"""

import datetime as dt
import logging
import tempfile
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import typer

from jobs import landing
from jobs.settings import settings
from jobs.training import tracking
from jobs.training.family import Family, family

logger = logging.getLogger(__name__)


class NoChampion(Exception):
    """No version of the family has the alias `champion`."""


def predict(name: str, as_of: dt.date | None = None, size: int | None = None) -> landing.Manifest:
    """Land the champion's answers as of a date; the same answers again change nothing.

    Raises:
        NoChampion: nothing was promoted yet.
    """
    of = family(name)
    version = tracking.champion(name)
    if version is None:
        raise NoChampion(
            f"{name} has no champion; run `python -m jobs.training.promote {name}` first"
        )
    data = of.data(as_of)
    as_of = as_of or data.newest
    with tempfile.TemporaryDirectory() as folder:
        saved = tracking.download(version, Path(folder))
        model = of.model(version.tags["model"]).load(saved)
        answers = of.predict(model, data, as_of, size).assign(
            model_name=version.tags["model"],
            model_version=str(version.version),
            feature_version=data.feature_version,
            as_of_date=as_of,
            valid_until=as_of + dt.timedelta(days=of.valid_days),
        )
        file = Path(folder) / f"{of.entity}.parquet"
        _write(answers, file)
        manifest = _land(of, as_of, file, f"{name}@{version.version}", list(map(str, answers)))
    logger.info("%s: %d rows landed as %s", of.entity, len(answers), manifest.batch_id)
    return manifest


def _write(answers: pd.DataFrame, file: Path) -> None:
    table = pa.Table.from_pandas(answers, preserve_index=False)
    pq.write_table(table.replace_schema_metadata(None), file)


def _land(
    of: Family, as_of: dt.date, file: Path, watermark: str, columns: list[str]
) -> landing.Manifest:
    """Answers as of D are known when D has ended in the company's time zone.

    The family names the batch: two of them may answer for one entity.
    """
    ended = dt.datetime.combine(
        as_of + dt.timedelta(days=1), dt.time(), ZoneInfo(settings().timezone)
    )
    return landing.land(
        of.entity,
        "models",
        f"{of.name}-{as_of}",
        [file],
        mode="events",
        known_at=ended,
        watermark=watermark,
        columns={column: column for column in columns},
        format="parquet",
    )


def main(
    family: Annotated[str, typer.Argument(help="recommenders or forecasts")],
    as_of: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="last business date that the answers may know"),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option("--k", min=1, max=1_000, help="products per account, or steps ahead"),
    ] = None,
) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    predict(family, as_of.date() if as_of else None, size)


if __name__ == "__main__":
    typer.run(main)
