"""Refit the configuration that the bench chose on everything, and register it.

`python -m jobs.training.train recommenders`
"""

import datetime as dt
import json
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from mlflow.entities.model_registry import ModelVersion

from jobs import command, lake
from jobs.training import grades, tracking
from jobs.training.family import (
    Configuration,
    Continuing,
    Data,
    Family,
    FamilyName,
    Graded,
    configuration_of,
    family,
)

logger = logging.getLogger(__name__)


GOES_ON_FROM = "goes_on_from"  # tag of a version: the champion whose groups it kept


class NotJudged(Exception):
    """No bench has judged the family yet."""


def chosen(name: str) -> tuple[Configuration, str]:
    """The configuration that the newest bench chose, and that bench's run.

    Raises:
        NotJudged: there is no bench.
    """
    found = (
        lake.read(
            "ops.leaderboard",
            sql="select bench_run_id, model, params from t where is_chosen"  # noqa: S608
            f" and family = '{name}' order by judged_at desc limit 1",
        ).to_pylist()
        if lake.exists("ops.leaderboard")
        else []
    )
    if not found:
        raise NotJudged(
            f"no bench of {name} in ops.leaderboard; run `python -m jobs.training.bench {name}`"
        )
    row = found[0]
    configuration = configuration_of(family(name), row["model"], json.loads(row["params"]))
    return configuration, row["bench_run_id"]


def goes_on_from(of: Family) -> ModelVersion | None:
    """The champion, of a family whose versions go on from it; null: there is none to go on from."""
    return tracking.champion(of.name) if isinstance(of, Continuing) else None


def marked(decides: Mapping[str, object], goes_on_from: str | None) -> str:
    """The fingerprint of a version, by all that decides it."""
    return tracking.fingerprint(**decides, **({GOES_ON_FROM: goes_on_from} if goes_on_from else {}))


def itself(champion: ModelVersion | None, decides: Mapping[str, object]) -> ModelVersion | None:
    """The champion, if it was made of the same: it does not go on from itself."""
    if champion is None:
        return None
    own = marked(decides, champion.tags.get(GOES_ON_FROM))
    return champion if champion.tags.get("fingerprint") == own else None


def learnt(
    of: Family,
    before: ModelVersion | None,
    data: Data,
    configuration: Configuration,
    as_of: dt.date,
) -> Any:
    if isinstance(of, Continuing) and before:
        return of.refit(tracking.loaded(of, before), data, configuration, as_of)
    return of.fit(data, configuration, as_of)


def train(name: str, as_of: dt.date | None = None) -> str:
    """Fit and register; the same configuration, data and code are fitted only once.

    Returns:
        The registered version.
    """
    of = family(name)
    configuration, bench_run_id = chosen(name)
    data = of.data(as_of)
    as_of = as_of or data.newest
    code = tracking.code_version(name)
    before = goes_on_from(of)
    decides = {
        "kind": "train",
        "configuration": configuration.id,
        "bench": bench_run_id,
        "datasets": data.datasets,
        "as_of": as_of,
        "code": code.partition("+")[2],
    }
    mark = marked(decides, str(before.version) if before else None)
    if done := tracking.version_with(of.name, mark) or itself(before, decides):
        logger.info("%s: already trained as version %s", name, done.version)
        tracking.close_abandoned()
        tracking.ended(str(done.run_id))
        return str(done.version)
    about = {
        "fingerprint": mark,
        "bench_run_id": bench_run_id,
        "model": configuration.model,
        "configuration": configuration.id,
        "params": json.dumps(asdict(configuration.params), sort_keys=True),
        "as_of": as_of.isoformat(),
        "feature_version": str(data.feature_version),
        "datasets": json.dumps([asdict(d) for d in data.datasets]),
        "code_version": code,
    }
    if before:
        about[GOES_ON_FROM] = str(before.version)
    with (
        tracking.run(of.name, f"train {as_of}", mark, data.datasets, {"kind": "train"}) as run,
        tempfile.TemporaryDirectory() as folder,
    ):
        run.params({"model": configuration.model, **asdict(configuration.params)})
        model = learnt(of, before, data, configuration, as_of)
        run.curves(getattr(model, "curves", {}))
        run.metrics(getattr(model, "figures", {}))
        for name_of, picture in getattr(model, "pictures", {}).items():
            run.figure(picture, name_of)
        run.tags({"device": model.device, "bench_run_id": bench_run_id, "code_version": code})
        model.save(Path(folder))
        if isinstance(of, Graded):
            edges = grades.fifths(of.scores(model, data, as_of))
            about[grades.EDGES] = json.dumps(edges)
        version = tracking.register(of.name, run, Path(folder), about)
    logger.info("%s: %s registered as version %s", name, configuration.id, version.version)
    return str(version.version)


def main(
    family: Annotated[FamilyName, typer.Argument(help="what is asked of the models")],
    as_of: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="last business date to learn from"),
    ] = None,
) -> None:
    command.tell_facts()
    train(family, as_of.date() if as_of else None)


if __name__ == "__main__":
    command.run(main)
