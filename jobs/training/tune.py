"""Look for better settings of a model: `python -m jobs.training.tune recommenders --model ease`.

What is looked through stands as SPACE below the model's Params. A trial is one setting, judged on
past windows: the valid split of the cut, and those of cuts before it, newest first. No test split
is ever judged. A trial that is worse than half of those before it is pruned on its way.

STATE/tuning.db   every study, so that one that was killed goes on where it stood
"""

import datetime as dt
import inspect
import itertools
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
import optuna
import pandas as pd
import typer
from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial, TrialState
from rich.progress import Progress

from jobs import command
from jobs.settings import ROOT, settings
from jobs.training import metrics, tracking
from jobs.training.family import Configuration, Data, Family, FamilyName, NothingToJudge, family
from jobs.training.gate import is_better
from jobs.training.rules import Rules, rules
from jobs.training.space import Space, points, readable, space_of, with_defaults

logger = logging.getLogger(__name__)

Sampler = Literal["tpe", "grid", "random"]

TRIALS = 30  # where neither trials nor minutes are given
WEEKS_BACK = 4  # from one past window to the one before it
BEFORE_PRUNING = 5  # trials that run to their end whatever they find
VALUES = "values.json"  # of a child run: every subject's numbers, in the order of the windows


class CannotTune(Exception):
    """There is no such model, someone looks already, or no trial ended."""


@dataclass(frozen=True)
class Study:
    """What is looked for, and on what."""

    of: Family
    by: Rules
    base: Configuration  # as it stands: the settings that SPACE does not name, and the first trial
    space: Space
    windows: Mapping[dt.date, Any]  # origin → what `judge` takes, newest first
    trials: optuna.Study

    @property
    def stands(self) -> dict[str, Any]:
        """What SPACE names, as it stands."""
        return {name: getattr(self.base.params, name) for name in self.space}

    def values(self, window: Any, configuration: Configuration) -> pd.Series:
        """The deciding metric per subject; no subject's id, as in the bench."""
        for judged in self.of.judge(window, configuration):
            if judged.task == self.by.task:
                return judged.per_subject[self.by.metric].sort_index().reset_index(drop=True)
        raise CannotTune(f"{self.of.name} was not judged on {self.by.task} at this window")

    def configuration(self, params: Mapping[str, Any]) -> Configuration:
        return Configuration(self.base.model, replace(self.base.params, **params))


def as_it_stands(of: Family, model: str, task: str) -> Configuration:
    """What the model's file has for the task, or the first that the bench judges of it."""
    if hasattr(of, "for_task"):
        found: Configuration = of.for_task(model, task)
        return found
    default = Configuration(model, of.model(model).Params())
    judged = [c for c in of.configurations() if c.model == model]
    return default if not judged or default in judged else judged[0]


def past_windows(of: Family, data: Data, cut: dt.date, count: int) -> dict[dt.date, Any]:
    """The valid split of the cut and of cuts before it, one window per origin, newest first.

    Fewer where the history is too short for all; raises NothingToJudge where it is for the first.
    """
    found: dict[dt.date, Any] = {}
    for back in range(count):
        try:
            valid = of.windows(data, cut - dt.timedelta(weeks=back * WEEKS_BACK))["valid"]
        except NothingToJudge as error:
            if not found:
                raise
            logger.warning("%s: %d past windows, no more: %s", of.name, len(found), error)
            break
        for origin in sorted(getattr(valid, "origins", (getattr(valid, "cut", None),)))[::-1]:
            one = replace(valid, origins=(origin,)) if hasattr(valid, "origins") else valid
            found.setdefault(origin, one)
    return found


@contextmanager
def opened(name: str, sampler: Sampler, better: str) -> Iterator[optuna.Study]:
    """A study of STATE/tuning.db, for one process at a time.

    A trial that runs belongs to a process that is gone: it is closed, and its settings come again.

    Raises:
        CannotTune: a living process has it.
    """
    settings().locks.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(settings().locks / f"tune-{name}.lock", timeout=0):
            study = optuna.create_study(
                storage=f"sqlite:///{settings().state / 'tuning.db'}",
                study_name=name,
                direction="maximize" if better == "higher" else "minimize",
                pruner=optuna.pruners.MedianPruner(n_startup_trials=BEFORE_PRUNING),
                load_if_exists=True,
            )
            # with the same seed a study that goes on would draw its first settings again
            seed = len(study.trials)
            tpe, random = optuna.samplers.TPESampler, optuna.samplers.RandomSampler
            study.sampler = tpe(seed=seed) if sampler == "tpe" else random(seed=seed)
            for lost in study.get_trials(states=[TrialState.RUNNING]):
                study.tell(lost.number, state=TrialState.FAIL)
                study.enqueue_trial(lost.params)
                logger.info("trial %d: its process is gone; it comes again", lost.number)
            yield study
    except Timeout:
        raise CannotTune(f"{name}: another process looks already; wait for its end") from None


def queue(study: Study, sampler: Sampler) -> None:
    """What is tried first: the settings as they stand; with a grid all of its points."""
    study.trials.enqueue_trial(study.stands, skip_if_exists=True)
    if sampler == "grid":
        for values in itertools.product(*map(points, study.space.values())):
            point = dict(zip(study.space, values, strict=True))
            study.trials.enqueue_trial(point, skip_if_exists=True)


def tried(trials: optuna.Study) -> list[FrozenTrial]:
    """Trials that ended as trials do."""
    return trials.get_trials(states=[TrialState.COMPLETE, TrialState.PRUNED])


def goes_on(study: Study, sampler: Sampler, budget: int) -> bool:
    """Whether there is something left to try; a grid ends with its last point."""
    waits = study.trials.get_trials(deepcopy=False, states=[TrialState.WAITING])
    return len(tried(study.trials)) < budget and (sampler != "grid" or len(waits) > 0)


def attempt(study: Study, parent: tracking.Run) -> None:
    """One trial in a child run of its own; one that cannot be fitted fails alone."""
    trial = study.trials.ask(dict(study.space))
    params = {name: readable(value) for name, value in trial.params.items()}
    configuration = study.configuration(params)
    mark = tracking.fingerprint(study=study.trials.study_name, trial=trial.number)
    name = f"trial {trial.number} {configuration.id}"
    try:
        with tracking.run(study.of.name, name, mark, parent=parent) as child:
            child.params({"model": configuration.model, **asdict(configuration.params)})
            trial.set_user_attr("run", child.id)
            state, value = judge(study, trial, configuration, child)
            child.tags({"kind": "trial", "trial": trial.number, "trial_state": state.name.lower()})
    except (ValueError, ArithmeticError, MemoryError, np.linalg.LinAlgError) as error:
        study.trials.tell(trial, state=TrialState.FAIL)
        logger.warning("trial %d %s: failed: %s", trial.number, params, error)
        return
    study.trials.tell(trial, value if state == TrialState.COMPLETE else None, state=state)
    logger.info("trial %d %s: %s %.4f", trial.number, params, state.name.lower(), value)


def judge(
    study: Study, trial: optuna.Trial, configuration: Configuration, child: tracking.Run
) -> tuple[TrialState, float]:
    """Windows one after the other; the value is the mean over the subjects of those seen so far."""
    seen: list[pd.Series] = []
    value = float("nan")
    for step, (origin, window) in enumerate(study.windows.items()):
        seen.append(study.values(window, configuration))
        value = float(pd.concat(seen).mean())
        child.metrics({study.by.metric: value, f"{study.by.metric}.{origin}": seen[-1].mean()})
        trial.report(value, step)
        if step + 1 < len(study.windows) and trial.should_prune():
            return TrialState.PRUNED, value
    child.json({"values": list(pd.concat(seen))}, VALUES)
    return TrialState.COMPLETE, value


def look(study: Study, parent: tracking.Run, sampler: Sampler, budget: int, until: float) -> None:
    """Trials until the budget, or the time, is used up."""
    with Progress(disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(study.base.model, total=budget, completed=len(tried(study.trials)))
        while goes_on(study, sampler, budget) and time.monotonic() < until:
            attempt(study, parent)
            failed = study.trials.get_trials(deepcopy=False, states=[TrialState.FAIL])
            if len(failed) > budget:
                raise CannotTune(
                    f"{study.base.model}: {len(failed)} trials failed; the log says why"
                )
            progress.update(bar, completed=len(tried(study.trials)))


def verdict(study: Study) -> str:
    """What was found beside what stands, and the lines that would make it stand.

    Raises:
        CannotTune: no trial ended.
    """
    ended = study.trials.get_trials(states=[TrialState.COMPLETE])
    if not ended:
        raise CannotTune(f"{study.base.model}: no trial ended; give it more minutes")
    best, count = study.trials.best_trial, len(tried(study.trials))
    told = (
        f"{study.base.model}: trial {best.number} of {count} ({count - len(ended)} pruned) is best"
        f" on {study.by.task}: {study.by.metric} {best.value:.4f}, weeks after"
        f" {', '.join(str(origin) for origin in study.windows)}"
    )
    stands = [trial for trial in ended if trial.params == study.stands]
    if stands:
        gain = metrics.difference(_values(best), _values(stands[0]))
        told += (
            f"\nas it stands (trial {stands[0].number}): {stands[0].value:.4f}; difference"
            f" {gain.value:+.4f} (95% {gain.low:+.4f} .. {gain.high:+.4f})"
        )
        if not is_better(gain.low, gain.high, study.by):
            return f"{told}\nno better beyond noise: leave what stands"
    params = {name: readable(value) for name, value in best.params.items()}
    return f"{told}\n{to_write(study, params, best)}"


def _values(trial: FrozenTrial) -> pd.Series:
    run = tracking.Run(trial.user_attrs["run"], "")
    return pd.Series(run.content(VALUES)["values"], dtype=float)


def to_write(study: Study, params: Mapping[str, Any], best: FrozenTrial) -> str:
    """The model's Params with these values, or the bench's configuration where that says more."""
    kind = type(study.base.params)
    note = (
        f"tuned on {study.by.task}, {tracking.now():%Y-%m-%d}:"
        f" trial {best.number}, run {best.user_attrs['run']}"
    )
    path = inspect.getfile(kind).removeprefix(f"{ROOT}/")
    if study.base.params != kind():
        wanted = asdict(replace(study.base.params, **params))
        changed = {name: v for name, v in wanted.items() if v != getattr(kind(), name)}
        where = f"into {path}, or where {study.of.name} is configured, for {study.by.task}"
        return f"{where}:\n    {changed!r}  # {note}"
    lines = "\n".join(["@dataclass(frozen=True)", *with_defaults(kind, params, note)])
    return f"into {path}:\n{lines}"


def tune(
    name: str,
    model: str,
    sampler: Sampler = "tpe",
    trials: int | None = None,
    minutes: float | None = None,
    task: str | None = None,
    windows: int = 2,
    cut: dt.date | None = None,
) -> str:
    """Look for better settings; the same question goes on where it stood, up to `trials` in all.

    Returns:
        What was found, as text for a person.
    """
    of, by = family(name), rules(name)
    by = replace(by, task=task or by.task)
    if by.task not in of.tasks:
        raise CannotTune(f"--task {by.task}: {name} is judged on {', '.join(of.tasks)}")
    try:
        base, space = as_it_stands(of, model, by.task), space_of(of.model(model))
    except KeyError as error:
        raise CannotTune(f"--model: {error.args[0]}") from None
    data = of.data(None)
    cut = cut or of.cut(data)
    code = tracking.code_version(name)
    mark = tracking.fingerprint(
        kind="tune",
        datasets=data.datasets,
        question=[
            cut,
            windows,
            by.task,
            by.metric,
            sampler,
            base.id,
            sorted(map(str, space.items())),
        ],
        code=code.partition("+")[2],
    )
    until = time.monotonic() + 60 * minutes if minutes else float("inf")
    budget = trials or (TRIALS if minutes is None else sys.maxsize)
    tags = {"kind": "tune", "code_version": code}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with opened(f"{name}-{model}-{by.task}-{mark}", sampler, by.better) as found:
        study = Study(of, by, base, space, past_windows(of, data, cut, windows), found)
        queue(study, sampler)
        if goes_on(study, sampler, budget):
            title = f"tune {model} {by.task}"
            with tracking.run(of.name, title, mark, data.datasets, tags) as parent:
                parent.params({"model": model, "task": by.task, "cut": cut, "sampler": sampler})
                look(study, parent, sampler, budget, until)
                told = verdict(study)
                parent.metrics({f"best_{by.metric}": found.best_value, "trials": len(tried(found))})
                return told
        return verdict(study)


def main(
    family: Annotated[FamilyName, typer.Argument(help="what is asked of the models")],
    model: Annotated[str, typer.Option(help="its file's name, such as ease")],
    sampler: Annotated[Sampler, typer.Option(help="how the next setting is found")] = "tpe",
    trials: Annotated[
        int | None, typer.Option(min=1, help=f"settings in all, earlier calls' too; {TRIALS}")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="no trial begins after so many")
    ] = None,
    task: Annotated[str | None, typer.Option(help="default: what decides in the gate")] = None,
    windows: Annotated[int, typer.Option(min=1, help="past windows that a trial is judged on")] = 2,
    cut: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="nothing after this day is looked at"),
    ] = None,
) -> None:
    command.tell_facts()
    day = cut.date() if cut else None
    typer.echo(tune(family, model, sampler, trials, minutes, task, windows, day))


if __name__ == "__main__":
    command.run(main)
