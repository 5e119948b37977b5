"""What a week of learning costs the recommenders on this machine: `training_weekly` without a lake.

python -m infra.bench.week OUT

Judges every configuration that the DAG judges on both splits, refits the best on everything, and
does what the gate's probes do with it: two fits at the bench's cut with their answers, and a bench
on shuffled labels. Two such weeks, four weeks apart: the first with nothing kept of past days, the
later one with what the first has kept. (Each week asks for past days that are four weeks apart, so
the three weeks between them keep others.) On The Complete Journey, with the settings that stand in
the models' files, one seed. Forecasts learn in the same DAG and are not in it, nor what the gate
asks of Spark.
"""

import datetime as dt
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.bench import figures
from infra.bench.figures import Figure
from infra.bench.panel import write
from jobs import command
from jobs.training.family import Configuration, Data
from jobs.training.gate import Gate
from jobs.training.recommenders.protocol import Recommenders
from jobs.training.recommenders.purchase_files import Asked, read
from jobs.training.rules import rules
from jobs.training.shuffles import shuffled

logger = logging.getLogger(__name__)

LAST = dt.date(2017, 12, 24)  # of the panel's last whole week
MINUTES = 25  # that a later week may take
Spent = dict[str, float]


@contextmanager
def counted(spent: Spent, what: str) -> Iterator[None]:
    """Seconds, added to what was spent."""
    started = time.perf_counter()
    yield
    seconds = time.perf_counter() - started
    spent[what] = spent.get(what, 0.0) + seconds
    logger.info("%s: %.0f s", what, seconds)


def week(of: Recommenders, data: Data, cut: dt.date) -> Spent:
    """Seconds of each part, in their order."""
    spent: Spent = {}
    windows, by = of.windows(data, cut), rules(of.name)
    valid: dict[Configuration, float] = {}
    for configuration in of.configurations():
        with counted(spent, f"judge {configuration.model}"):
            for split, window in windows.items():
                for judged in of.judge(window, configuration):
                    if (split, judged.task) == ("valid", by.task):
                        valid[configuration] = judged.per_subject[by.metric].mean()
    best = max(valid, key=lambda one: valid[one])
    with counted(spent, f"train {best.model}"):
        of.fit(data, best, data.newest)
    for number in (1, 2):
        with counted(spent, f"gate: answers {number}"):
            answers = of.predict(of.fit(data, best, cut), data, cut, None)
    limits, gain = Gate.of(by.gate).leakage, valid[best] - valid[of.baseline]
    assert limits is not None  # mlflow/models.yaml has them
    with counted(spent, "gate: shuffled labels"):
        shuffled(of, best, data, cut, answers, gain, by, limits)
    return spent


def main(
    out: Annotated[Path, typer.Argument(help="folder of what is kept of past days")],
    to: figures.To = None,
) -> None:
    command.tell_facts()
    folder, store = write(out / "panel"), out / "days"
    data = read(
        Asked(
            interactions=folder / "interactions.parquet",
            train_until=LAST,
            out=out,
            products=folder / "products.parquet",
            promotions=folder / "promotions.parquet",
        )
    )
    shutil.rmtree(store, ignore_errors=True)
    of = Recommenders(store=store)
    apart = dt.timedelta(days=of.terms.horizon_days)
    first, later = (
        week(of, one, of.cut(one)) for one in (replace(data, newest=LAST - apart), data)
    )
    title = f"recommenders, up to {LAST - apart} and up to {LAST}"
    page = Table("", "first week, s", "later week, s", title=title)
    for what in first | later:
        page.add_row(what, f"{first.get(what, 0.0):,.0f}", f"{later.get(what, 0.0):,.0f}")
    minutes = [sum(spent.values()) / 60 for spent in (first, later)]
    page.add_row("all, minutes", *(f"{value:.1f}" for value in minutes))
    Console(width=100).print(page)
    told = f"{minutes[1]:.1f} minutes, the first week {minutes[0]:.1f}"
    what = "a week of learning, recommenders, past days stored"
    figures.write(to, [Figure(what, f"{MINUTES} min", "", told, minutes[1] < MINUTES)])


if __name__ == "__main__":
    command.run(main)
