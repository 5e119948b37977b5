"""A bench's leaderboard as a file: one row per model, task or origin, window and metric.

leaderboard.parquet is for anyone's tools; ops.leaderboard keeps the same of the lake's benches.
"""

import json
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from matplotlib.figure import Figure

from jobs.training import drawn, metrics, tracking
from jobs.training.family import Split
from jobs.training.written import whole

logger = logging.getLogger(__name__)

FILE = "leaderboard.parquet"
HOLDS = ".bench.json"
FEWEST = 3  # subjects that an interval is drawn of; a metric may be one number of all
SCHEMA: list[tuple[str, pa.DataType]] = [
    ("model", pa.string()),  # file name of the model
    ("window", pa.string()),  # valid: what the choice rests on; test: judged beside it
    ("metric", pa.string()),
    ("value", pa.float64()),  # mean over the subjects
    # ends of its 95% interval (bootstrap over subjects); null: of fewer than FEWEST there is none
    ("lo", pa.float64()),
    ("hi", pa.float64()),
    ("diff_to_baseline", pa.float64()),  # value - the baseline's, paired by subject
    ("diff_lo", pa.float64()),
    ("diff_hi", pa.float64()),
    ("uses_plan", pa.bool_()),  # knows what is planned for after the cut
    ("champion", pa.bool_()),  # best on the valid window by the deciding metric
    ("seconds", pa.float64()),  # fitting and answering
    ("peak_mb", pa.float64()),  # most memory held meanwhile, MiB
]


class BadFolder(ValueError):
    """A bench cannot write where it was told to; the message says why and what to do."""


class BadModel(ValueError):
    """A name that is no model's which can be left out; the message says why and what there is."""


def to_judge(models: Iterable[str], baseline: str, leave_out: Collection[str]) -> list[str]:
    """Names of the models that a bench judges.

    Raises:
        BadModel: what is left out is no model, or the baseline.
    """
    every = list(models)
    if unknown := [name for name in leave_out if name not in every]:
        raise BadModel(
            f"--leave-out {', '.join(unknown)}: no such model is judged; there are"
            f" {', '.join(every)}"
        )
    if baseline in leave_out:
        raise BadModel(f"--leave-out {baseline}: the others are compared with it; keep it")
    return [name for name in every if name not in leave_out]


def in_turn(names: Sequence[str]) -> Iterator[str]:
    """The models of a bench, each told of when its turn has come."""
    for number, name in enumerate(names, 1):
        logger.info("%d of %d: %s", number, len(names), name)
        yield name


@dataclass(frozen=True)
class Folder:
    """Where a bench is at work."""

    out: Path
    of: str  # what is judged, such as `propensity churn`

    def write(
        self, found: pa.Table, tables: Mapping[str, pa.Table], figures: Mapping[str, Figure]
    ) -> None:
        """The leaderboard, and the tables and pictures that belong to it, by file name.

        The leaderboard before is taken away first, with what only its bench wrote, and the new one
        comes last: where it stands, all beside it is of one bench; where it does not, a bench was
        cut off between them.
        """
        (self.out / FILE).unlink(missing_ok=True)
        names = [*tables, *figures]
        for name in _held(self.out)["files"]:
            if name not in names:
                (self.out / name).unlink(missing_ok=True)
        with whole(self.out / HOLDS) as candidate:
            candidate.write_text(json.dumps({"of": self.of, "files": names}))
        for name, rows in tables.items():
            write(rows, self.out, name)
        for name, figure in figures.items():
            drawn.write(figure, self.out / name)
        write(found, self.out)


@contextmanager
def locked(out: Path, given: Iterable[Path]) -> Iterator[None]:
    """A folder of answers, made if need be, for one process at a time.

    Args:
        given: files that are read.

    Raises:
        BadFolder: it cannot be written, another process is at work there, or a file that is read
            lies in it, where it could be written over.
    """
    for path in given:
        if path.resolve().parent == out.resolve():
            raise BadFolder(
                f"{out}: {path.name}, which is read, lies there and could be written over; take"
                " another folder for the answers"
            )
    lock = FileLock(out / ".bench.lock", timeout=0)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise BadFolder(
            f"{out}: another bench is at work there; wait for its end, or take another folder"
        ) from None
    except OSError as error:
        raise BadFolder(
            f"{out}: cannot be written ({error.strerror}); take another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def at_work_in(out: Path, of: str, given: Iterable[Path]) -> Iterator[Folder]:
    """A bench's folder; runs are kept there if MLflow is down.

    Args:
        of: what is judged: it is told where the folder holds another.
        given: files that are read.

    Raises:
        BadFolder: see `locked`.
    """
    with locked(out, given):
        before = _held(out)["of"]
        if before not in ("", of):
            logger.warning(
                "%s: the files there of %s will be replaced by those of %s; to keep both, stop now"
                " and take another folder",
                *(out, before, of),
            )
        tracking.keep_here_if_down(out)
        yield Folder(out, of)


@dataclass(frozen=True)
class Scored:
    """One metric of one model at one place (a task, or an origin) of one window."""

    model: str
    place: str | int
    window: Split
    metric: str
    per_subject: pd.Series  # indexed by account or series; one value where it is of all at once
    uses_plan: bool
    seconds: float
    peak_mb: float


def best(
    scored: Sequence[Scored], place: str | int, metric: str, higher_is_better: bool
) -> str | None:
    """The model with the best mean of a metric on the valid window; null: nothing was judged."""
    seen = {
        one.model: float(one.per_subject.mean())
        for one in scored
        if (one.place, one.window, one.metric) == (place, "valid", metric)
    }
    seen = {model: value for model, value in seen.items() if value == value}
    if not seen:
        return None
    return (max if higher_is_better else min)(seen, key=lambda model: seen[model])


def table(
    scored: Sequence[Scored],
    place_name: str,
    baseline: str,
    champions: Mapping[str | int, str | None],
) -> pa.Table:
    """The leaderboard, with paired differences to the baseline at the same place.

    What has no value of anybody is left out, such as the order of chances where all have left.

    Args:
        place_name: what a place is called: task, or origin.
        baseline: a model's name.
        champions: place → model.
    """
    naive = {
        (one.place, one.window, one.metric): one.per_subject
        for one in scored
        if one.model == baseline
    }
    told = [one for one in scored if one.per_subject.notna().any()]
    rows = [_row(one, place_name, naive, champions.get(one.place)) for one in told]
    numbered = all(isinstance(one.place, int) for one in scored)
    kind = pa.int64() if place_name == "origin" and numbered else pa.string()
    schema = pa.schema([SCHEMA[0], (place_name, kind), *SCHEMA[1:]])
    return pa.Table.from_pylist(rows, schema)


def _row(
    one: Scored,
    place_name: str,
    naive: Mapping[tuple[str | int, Split, str], pd.Series],
    champion: str | None,
) -> dict[str, Any]:
    value, low, high = _estimate(one.per_subject)
    others = naive.get((one.place, one.window, one.metric), pd.Series(dtype=float))
    gain, least, most = _estimate(one.per_subject - others.reindex(one.per_subject.index))
    return {
        "model": one.model,
        place_name: one.place,
        "window": one.window,
        "metric": one.metric,
        "value": value,
        "lo": low,
        "hi": high,
        "diff_to_baseline": gain,
        "diff_lo": least,
        "diff_hi": most,
        "uses_plan": one.uses_plan,
        "champion": one.model == champion,
        "seconds": one.seconds,
        "peak_mb": one.peak_mb,
    }


def _estimate(values: pd.Series) -> tuple[float | None, float | None, float | None]:
    """Mean, and the ends of its interval; null where no subject has a value, or too few have."""
    known = values.dropna()
    if known.empty:
        return None, None, None
    if len(known) < FEWEST:
        return float(known.mean()), None, None
    found = metrics.estimate(values.sort_index())
    return found.value, found.low, found.high


def write(found: pa.Table, out: Path, name: str = FILE) -> Path:
    """A file that is there whole or not at all."""
    with whole(out / name) as candidate:
        pq.write_table(found, candidate)
    return out / name


def _held(out: Path) -> dict[str, Any]:
    """What the last bench to write into a folder judged, and its files beside the leaderboard."""
    try:
        told = json.loads((out / HOLDS).read_text())
        return {"of": str(told["of"]), "files": [Path(name).name for name in told["files"]]}
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # none yet, or no longer whole
        return {"of": "", "files": []}


def show(found: pa.Table, place: str, out: Path, is_higher_better: bool) -> None:
    """Print a leaderboard's deciding metric, the window of the choice first, the best first."""
    from rich.console import Console
    from rich.table import Table

    rows = found.to_pandas()
    rows = rows[rows["metric"] == rows["metric"].iloc[0]] if len(rows) else rows
    page = Table("model", place, "window", "metric", "value", "95%", "to baseline", "s", "MiB")
    order = [True, False, not is_higher_better]
    for r in rows.sort_values([place, "window", "value"], ascending=order).to_dict("records"):
        page.add_row(
            r["model"] + (" *" if r["champion"] else ""),
            str(r[place]),
            r["window"],
            r["metric"],
            f"{r['value']:.4f}",
            _interval(r["lo"], r["hi"], ".4f"),
            f"{r['diff_to_baseline']:+.4f} ({_interval(r['diff_lo'], r['diff_hi'], '+.4f')})",
            f"{r['seconds']:.1f}",
            f"{r['peak_mb']:.0f}",
        )
    page.caption = "* champion, chosen on valid rows; s: to fit and to answer; MiB: peak memory"
    Console(width=130).print(page)
    # what is to be copied stands in one line
    told = f"all metrics and answers: {out}\nruns: {tracking.where()}"
    Console().print(told, soft_wrap=True, highlight=False)


def _interval(low: float, high: float, form: str) -> str:
    return "" if low != low else f"{low:{form}} .. {high:{form}}"
