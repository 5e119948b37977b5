"""Judge every configuration of a family on one cut: `python -m jobs.training.bench recommenders`.

The choice rests on the valid split alone; the test split, four weeks later, is judged beside it.
"""

import datetime as dt
import json
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import pandas as pd
import typer
from matplotlib.figure import Figure

from jobs import command, lake
from jobs.ops.leaderboard import TABLE as LEADERBOARD
from jobs.training import bench_files, metrics, tracking
from jobs.training.family import (
    FAMILIES,
    ROOMS,
    BenchName,
    Choosy,
    Configuration,
    Data,
    Family,
    FamilyName,
    Judged,
    Question,
    Split,
    configuration_of,
    family,
)
from jobs.training.rules import Rules, rules

logger = logging.getLogger(__name__)

SPLITS: tuple[Split, ...] = ("valid", "test")
RESULTS = "results.json"  # of a child run: every subject's numbers, for a bench that is continued


class CannotBench(ValueError):
    """What was asked for cannot be judged."""


@dataclass(frozen=True)
class Result:
    """One configuration on one task of one split, and what it cost."""

    split: Split
    configuration: Configuration
    judged: Judged
    seconds: float


def champion_configuration(of: Family) -> Configuration | None:
    version = tracking.champion(of.name)
    if version is None:
        return None
    return configuration_of(of, version.tags["model"], json.loads(version.tags["params"]))


def contenders(
    of: Family, champion: Configuration | None, leave_out: Collection[str]
) -> list[Configuration]:
    """The family's configurations, and the champion's where it is none of them any more.

    Args:
        leave_out: models that are not judged; the baseline and the champion always are.
    """
    every = of.configurations()
    found = [c for c in every if c.model not in leave_out or c.id == of.baseline.id]
    if champion and champion.id not in {c.id for c in found}:
        found.append(champion)
    return found


def known_models(names: Collection[str]) -> None:
    """Whether each is some family's model: one list may be told to several families.

    Raises:
        CannotBench: no family has it.
    """
    judged = sorted({c.model for name in FAMILIES for c in family(name).configurations()})
    if unknown := [name for name in names if name not in judged]:
        raise CannotBench(
            f"--leave-out {', '.join(unknown)}: no such model is judged; there are"
            f" {', '.join(judged)}"
        )


def judge(
    of: Family, windows: Mapping[Split, Any], configuration: Configuration, parent: tracking.Run
) -> list[Result]:
    """One child run: the configuration on both splits; one that ended is not judged again."""
    results = []
    mark = tracking.fingerprint(parent=parent.id, configuration=configuration.id)
    if done := tracking.finished(of.name, mark):
        logger.info("%s: already judged by run %s", configuration.id, done.id)
        return kept(done, configuration)
    with tracking.run(of.name, configuration.id, mark, parent=parent) as child:
        child.params({"model": configuration.model, **asdict(configuration.params)})
        for split in SPLITS:
            started = time.perf_counter()
            judged = of.judge(windows[split], configuration)
            seconds = time.perf_counter() - started
            results += [Result(split, configuration, by_place(one), seconds) for one in judged]
            for one in judged:
                child.metrics(
                    {
                        f"{split}.{one.task}.{metric}{end}": number
                        for metric, values in one.per_subject.items()
                        for end, number in _ends(metrics.estimate(values)).items()
                    }
                )
            child.curves({f"{split}.{name}": v for name, v in judged[0].curves.items()})
            logger.info("%s %s: judged in %.1f s", configuration.id, split, seconds)
        child.tags({"device": results[0].judged.device})
        child.json({"results": [as_json(one) for one in results]}, RESULTS)
    return results


def by_place(judged: Judged) -> Judged:
    """Subjects by their place: no customer's id leaves the lake for MLflow.

    Every configuration of a bench is judged on the same subjects, sorted by id: places pair them.
    """
    values = judged.per_subject.items()
    placed = {metric: one.sort_index().reset_index(drop=True) for metric, one in values}
    return replace(judged, per_subject=placed)


def as_json(result: Result) -> dict[str, Any]:
    """A result as JSON."""
    judged = result.judged
    return {
        "split": result.split,
        "task": judged.task,
        "seconds": result.seconds,
        "device": judged.device,
        "per_subject": {metric: list(one) for metric, one in judged.per_subject.items()},
    }


def kept(child: tracking.Run, configuration: Configuration) -> list[Result]:
    """What a child run that ended has judged."""
    found = []
    for one in child.content(RESULTS)["results"]:
        values = {m: pd.Series(numbers, dtype=float) for m, numbers in one["per_subject"].items()}
        judged = Judged(one["task"], values, one["device"])
        found.append(Result(one["split"], configuration, judged, one["seconds"]))
    return found


def _ends(found: metrics.Estimate) -> dict[str, float]:
    return {"": found.value, ".low": found.low, ".high": found.high}


def choose(results: Sequence[Result], by: Rules, of: Family) -> Configuration:
    """The best configuration on the valid split by the deciding metric, of those that may answer.

    Raises:
        CannotBench: nothing was judged on the deciding task.
    """
    seen = {
        r.configuration: float(r.judged.per_subject[by.metric].mean())
        for r in results
        if r.split == "valid"
        and r.judged.task == by.task
        and (not isinstance(of, Choosy) or of.may_answer(r.configuration.model))
    }
    if not seen:
        raise CannotBench(f"no configuration was judged on task {by.task!r} of the valid split")
    return (max if by.better == "higher" else min)(seen, key=lambda c: seen[c])


def rows(
    results: Sequence[Result], of: Family, chosen: Configuration, champion: Configuration | None
) -> list[dict[str, Any]]:
    """The leaderboard's rows, with paired differences to the baseline and to the champion."""
    judged = {(r.split, r.judged.task, r.configuration.id): r.judged for r in results}
    found = []
    for r in results:
        for metric, values in r.judged.per_subject.items():
            place = (r.split, r.judged.task)
            naive = judged[(*place, of.baseline.id)].per_subject[metric]
            mean, gain = metrics.estimate(values), metrics.difference(values, naive)
            row = {
                "split": r.split,
                "task": r.judged.task,
                "model": r.configuration.model,
                "configuration": r.configuration.id,
                "params": json.dumps(asdict(r.configuration.params), sort_keys=True),
                "metric": metric,
                "value": mean.value,
                "value_low": mean.low,
                "value_high": mean.high,
                "subjects": int(values.notna().sum()),
                "baseline": of.baseline.id,
                "difference": gain.value,
                "difference_low": gain.low,
                "difference_high": gain.high,
                "is_chosen": r.configuration.id == chosen.id,
                "seconds": r.seconds,
                "device": r.judged.device,
            }
            if champion:
                best = metrics.difference(values, judged[(*place, champion.id)].per_subject[metric])
                row |= {
                    "champion": champion.id,
                    "champion_difference": best.value,
                    "champion_difference_low": best.low,
                    "champion_difference_high": best.high,
                }
            found.append(row)
    return found


def plot(table: Sequence[Mapping[str, Any]], by: Rules) -> Figure:
    """Every configuration's deciding metric on the test split, with its interval."""
    seen = sorted(
        (r for r in table if (r["split"], r["task"], r["metric"]) == ("test", by.task, by.metric)),
        key=lambda r: cast(float, r["value"]),
    )
    figure = Figure(figsize=(7, 1 + 0.35 * len(seen)), layout="constrained")
    axes = figure.subplots()
    values = [r["value"] for r in seen]
    sides = [
        [r["value"] - r["value_low"] for r in seen],
        [r["value_high"] - r["value"] for r in seen],
    ]
    axes.barh([r["configuration"] for r in seen], values, xerr=sides, color="#4878a8")
    axes.set_xlabel(f"{by.metric}, task {by.task}, test split, 95% interval")
    return figure


def bench(name: str, cut: dt.date | None = None, leave_out: Collection[str] = ()) -> str:
    """Judge a family and write ops.leaderboard; the same data and code are judged only once.

    Args:
        leave_out: names of models that are not judged, such as those that take long.

    Returns:
        The MLflow run id of the bench.

    Raises:
        CannotBench: what is left out is no model, or there is nothing to judge by.
    """
    if leave_out:
        known_models(leave_out)
    of, by = family(name), rules(name)
    data = of.data(None)
    cut = cut or of.cut(data)
    champion = champion_configuration(of)
    configurations = contenders(of, champion, leave_out)
    code = tracking.code_version(name)
    mark = tracking.fingerprint(
        kind="bench",
        cut=cut,
        datasets=data.datasets,
        code=code.partition("+")[2],
        configurations=[c.id for c in configurations],
        champion=champion and champion.id,
    )
    if done := tracking.finished(of.name, mark):
        logger.info("%s: already judged by run %s", name, done.id)
        return done.id
    tags = {"kind": "bench", "code_version": code}
    with tracking.run(of.name, f"bench {cut}", mark, data.datasets, tags) as run:
        run.params({"cut": cut, "configurations": len(configurations)})
        windows = of.windows(data, cut)
        results = [r for c in configurations for r in judge(of, windows, c, run)]
        chosen = choose(results, by, of)
        table = rows(results, of, chosen, champion)
        write(table, run, of, data, cut, code)
        run.figure(plot(table, by), "leaderboard")
        run.tags({"chosen": chosen.id})
    logger.info("%s: chosen %s, bench run %s", name, chosen.id, run.id)
    return run.id


def write(
    table: Sequence[Mapping[str, Any]],
    run: tracking.Run,
    of: Family,
    data: Data,
    cut: dt.date,
    code: str,
) -> None:
    """Put a bench's rows into ops.leaderboard; a continued run replaces its own."""
    common = {
        "bench_run_id": run.id,
        "judged_at": tracking.now(),
        "family": of.name,
        "cut_date": cut,
        "datasets": json.dumps([asdict(d) for d in data.datasets]),
        "code_version": code,
    }
    lake.replace(LEADERBOARD, [common | dict(row) for row in table], f"bench_run_id = '{run.id}'")


def show(bench_run_id: str) -> None:
    """Print a bench's test rows as a table; the valid rows are in ops.leaderboard too."""
    from rich.console import Console
    from rich.table import Table

    found = lake.read(
        "ops.leaderboard",
        sql=f"select * from t where bench_run_id = '{bench_run_id}' and split = 'test'"  # noqa: S608
        " order by task, metric, value desc",
    ).to_pylist()
    page = Table("task", "configuration", "metric", "value", "95%", "to baseline", "s")
    for r in found:
        page.add_row(
            r["task"],
            r["configuration"] + (" *" if r["is_chosen"] else ""),
            r["metric"],
            f"{r['value']:.4f}",
            f"{r['value_low']:.4f} .. {r['value_high']:.4f}",
            f"{r['difference']:+.4f} ({r['difference_low']:+.4f} .. {r['difference_high']:+.4f})",
            f"{r['seconds']:.1f}",
        )
    Console(width=130).print(page)


FILES = "A bench of files, without a lake"
DATE = ["%Y-%m-%d"]


def main(
    family: Annotated[BenchName, typer.Argument(help="what is asked of the models")],
    cut: Annotated[
        dt.datetime | None,
        typer.Option(formats=DATE, help="last day of training before the test"),
    ] = None,
    leave_out: Annotated[
        list[str] | None, typer.Option(help="a model that is not judged; may be given again")
    ] = None,
    interactions: Annotated[
        Path | None,
        typer.Option(
            help="CSV or Parquet: account_id, product_id, bought_at", rich_help_panel=FILES
        ),
    ] = None,
    train_until: Annotated[
        dt.datetime | None,
        typer.Option(formats=DATE, help="last day that is learnt", rich_help_panel=FILES),
    ] = None,
    horizon_days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=3_650,
            help="days foretold",
            show_default="28; value: 56; win: 90",
            rich_help_panel=FILES,
        ),
    ] = None,
    k: Annotated[
        int | None,
        typer.Option(min=1, help="products per list", show_default="20", rich_help_panel=FILES),
    ] = None,
    min_buyers: Annotated[
        int | None,
        typer.Option(
            min=1, help="of a product in the catalogue", show_default="20", rich_help_panel=FILES
        ),
    ] = None,
    products: Annotated[
        Path | None,
        typer.Option(help="product_id, then any attributes", rich_help_panel=FILES),
    ] = None,
    promotions: Annotated[
        Path | None,
        typer.Option(
            help="product_id, starts_on, ends_on, then any numbers", rich_help_panel=FILES
        ),
    ] = None,
    series: Annotated[
        Path | None,
        typer.Option(
            help="CSV or Parquet: unique_id, ds, y, then what is known ahead", rich_help_panel=FILES
        ),
    ] = None,
    freq: Annotated[
        Literal["W", "D"] | None, typer.Option(help="a step: week or day", rich_help_panel=FILES)
    ] = None,
    season: Annotated[
        int | None, typer.Option(min=1, help="steps of a season", rich_help_panel=FILES)
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(min=1, help="steps foretold", rich_help_panel=FILES)
    ] = None,
    origins: Annotated[
        str | None,
        typer.Option(
            help="forecasts: points that are learnt, such as 36,40; others: last days that are"
            " known, such as 2017-10-29,2017-11-26",
            rich_help_panel=FILES,
        ),
    ] = None,
    transactions: Annotated[
        Path | None,
        typer.Option(
            help="CSV or Parquet, a row per line: account_id, bought_at, then order_id, amount_usd,"
            " product_id, department, discount_usd, coupon_usd where they are known",
            rich_help_panel=FILES,
        ),
    ] = None,
    task: Annotated[
        Question | None,
        typer.Option(
            help="propensity: who will not come back, who will spend much less, what departments"
            " each will buy in, who will answer a campaign, or which opportunities will be won",
            rich_help_panel=FILES,
        ),
    ] = None,
    campaigns: Annotated[
        Path | None,
        typer.Option(
            help="campaign_id, starts_on, ends_on, then campaign_type", rich_help_panel=FILES
        ),
    ] = None,
    recipients: Annotated[
        Path | None, typer.Option(help="account_id, campaign_id", rich_help_panel=FILES)
    ] = None,
    coupons: Annotated[
        Path | None,
        typer.Option(help="coupon_id, campaign_id, product_id", rich_help_panel=FILES),
    ] = None,
    redemptions: Annotated[
        Path | None,
        typer.Option(help="account_id, campaign_id, redeemed_on", rich_help_panel=FILES),
    ] = None,
    opportunities: Annotated[
        Path | None,
        typer.Option(
            help="a row per change: opportunity_id, changed_at, stage, status, then amount_usd,"
            " expected_close_date, owner_id, account_id, source where they are known",
            rich_help_panel=FILES,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="folder of what is written", rich_help_panel=FILES)
    ] = None,
) -> None:
    """Judge a family on the lake's tables, or on files given."""
    command.tell_facts()
    left_out = tuple(leave_out or ())
    of_lake = {"cut": cut, "leave_out": left_out}
    of_files = {
        "interactions": interactions,
        "train_until": train_until,
        "out": out,
        "horizon_days": horizon_days,
        "k": k,
        "min_buyers": min_buyers,
        "products": products,
        "promotions": promotions,
        "series": series,
        "freq": freq,
        "season": season,
        "horizon": horizon,
        "origins": origins,
        "transactions": transactions,
        "task": task,
        "campaigns": campaigns,
        "recipients": recipients,
        "coupons": coupons,
        "redemptions": redemptions,
        "opportunities": opportunities,
    }
    if family in ROOMS or any(of_files.values()):
        told = (of_lake | of_files).items()
        bench_files.bench(family, {name: value for name, value in told if value})
    else:
        show(bench(cast(FamilyName, family), cut.date() if cut else None, left_out))


if __name__ == "__main__":
    command.run(main)
