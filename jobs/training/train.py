"""Refit the configuration that the bench chose on everything, and register it.

`python -m jobs.training.train recommenders`
"""

import datetime as dt
import json
import logging
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from jobs import command, lake
from jobs.training import grades, tracking
from jobs.training.family import (
    Configuration,
    FamilyName,
    Graded,
    configuration_of,
    family,
)

logger = logging.getLogger(__name__)


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
    mark = tracking.fingerprint(
        kind="train",
        configuration=configuration.id,
        bench=bench_run_id,
        datasets=data.datasets,
        as_of=as_of,
        code=code.partition("+")[2],
    )
    if done := tracking.version_with(of.name, mark):
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
    with (
        tracking.run(of.name, f"train {as_of}", mark, data.datasets, {"kind": "train"}) as run,
        tempfile.TemporaryDirectory() as folder,
    ):
        run.params({"model": configuration.model, **asdict(configuration.params)})
        model = of.fit(data, configuration, as_of)
        run.curves(getattr(model, "curves", {}))
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
