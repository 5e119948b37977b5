"""Forecasts on the public protocol: `python -m infra.bench.forecasts --out DIR`.

Makes the protocol's two files of series from the package's own lines (15 departments by week and by
day, fuel too), gives them to the bench of files, and prints one table a grain: MASE over the four
published origins and its paired difference to theta (95% interval over departments), over all
twelve weekly origins, the interval's coverage, and what the seed moves where there is one.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import duckdb
import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from infra.bench import figures
from infra.bench.figures import Figure
from infra.bench.panel import LINES
from jobs import command
from jobs.training import metrics
from jobs.training.family import Configuration
from jobs.training.forecasts import backtest, files, models, reconcile, series_file
from jobs.training.forecasts.forecaster import scales, steps_after

DEPARTMENTS = (
    *("COSMETICS", "DELI", "DRUG GM", "FLORAL", "FUEL", "GROCERY", "MEAT", "MEAT-PCKGD"),
    *("MISCELLANEOUS", "NUTRITION", "PASTRY", "PRODUCE", "SALAD BAR", "SEAFOOD", "SEAFOOD-PCKGD"),
)
FIRST, LAST = "2017-01-02", "2017-12-24"  # weeks 2 to 52, the complete ones
REFERENCE = "theta"
SEEDED = ("gbm", "lstm")
SEEDS = (0, 100, 200)  # first seeds: a model that averages three takes the ones after, too


@dataclass(frozen=True)
class Grain:
    name: str
    freq: str
    season: int
    horizon: int
    published: tuple[int, ...]  # origins of the reference figures
    origins: tuple[int, ...]
    must: float  # the champion's MASE over the published origins
    aim: float
    is_below_theta: bool  # it must be below theta beyond noise
    coverage: tuple[float, float]  # of the champion's interval
    coverage_aim: tuple[float, float]


WEEKLY = Grain(
    *("weekly", "W", 1, 4, (36, 40, 44, 47), tuple(range(36, 48))),
    must=0.89,
    aim=0.86,
    is_below_theta=True,
    coverage=(0.75, 0.85),
    coverage_aim=(0.78, 0.82),
)
DAILY = Grain(
    *("daily", "D", 7, 28, (245, 273, 301, 329), (245, 273, 301, 329)),
    must=0.835,
    aim=0.82,
    is_below_theta=False,
    coverage=(0.72, 0.88),
    coverage_aim=(0.78, 0.82),
)


# of cents: sums of fractions differ in their last digits from run to run
SALES = f"""
    select cast(bought_at as date) as day, department,
           cast(sum(cast(sales_value as decimal(12, 2))) as double) as sales
    from ({LINES}) group by all
"""  # noqa: S608


def daily_sales() -> pd.DataFrame:
    """USD by local day and department; 0 where nothing was sold. (days, departments)"""
    sales = duckdb.sql(SALES).df().pivot(index="day", columns="department", values="sales")
    return sales.reindex(pd.date_range(FIRST, LAST))[list(DEPARTMENTS)].fillna(0.0)


def write_files(folder: Path) -> dict[str, Path]:
    """Grain → its file of series (unique_id, ds, y)."""
    days = daily_sales()
    weeks = days.resample("7D", origin=pd.Timestamp(FIRST)).sum()  # from Mondays on
    found = {}
    for name, sales in (("daily", days), ("weekly", weeks)):
        rows = (
            sales.rename_axis("ds").reset_index().melt("ds", var_name="unique_id", value_name="y")
        )
        found[name] = folder / f"{name}.parquet"
        rows[["unique_id", "ds", "y"]].to_parquet(found[name], index=False)
    return found


def errors(grain: Grain, forecasts: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Forecasts beside what was sold: rows with `mase`, `covered` and `width` in scales."""
    told = series_file.read(path, grain.freq)
    truth = told.rows.rename(columns={"series_id": "unique_id"})[["unique_id", "ds", "y"]]
    unit = {n: scales(told.history(n, list(told.ids.index)), grain.season) for n in grain.origins}
    by = pd.concat(unit, names=["origin"]).rename("scale").reset_index()
    by = by.rename(columns={"series_id": "unique_id"})
    rows = forecasts.merge(truth, on=["unique_id", "ds"]).merge(by, on=["unique_id", "origin"])
    return rows.assign(
        mase=(rows["y"] - rows["yhat"]).abs() / rows["scale"],
        covered=rows["y"].between(rows["lo80"], rows["hi80"]),
        width=(rows["hi80"] - rows["lo80"]) / rows["scale"],
    )


def spread(grain: Grain, path: Path) -> dict[str, list[float]]:
    """MASE over the published origins of each model with a seed, for each of three."""
    told, found = series_file.read(path, grain.freq), {}
    for base in models.configurations(grain.season, grain.horizon):
        if base.model in SEEDED:
            seeds = [Configuration(base.model, replace(base.params, seed=s)) for s in SEEDS]
            found[base.model] = [_mase(grain, told, one) for one in seeds]
    return found


def _mase(grain: Grain, told: series_file.Series, configuration: Configuration) -> float:
    by_origin = []
    for n in grain.published:
        at = files.at_origin(told, n, grain.horizon, files.Found())
        assert at is not None  # every department has all weeks
        rows = backtest.beside(backtest.answers(configuration, at.history, at.future), at.sold)
        by_origin.append(((rows["y"] - rows["p50"]).abs() / rows["scale"]).mean())
    return sum(by_origin) / len(by_origin)


def show(
    grain: Grain, rows: pd.DataFrame, board: pd.DataFrame, seeds: Mapping[str, Sequence[float]]
) -> None:
    """Print a grain's table, the best on the published origins first."""
    judged = rows[rows["origin"].isin(grain.published)]
    by_series = judged.groupby(["model", "unique_id"])["mase"].mean().unstack("model")
    champion = board.loc[board["champion"], "model"].iloc[0]
    seconds = board.groupby("model")["seconds"].mean()
    origins = ", ".join(map(str, grain.published))
    page = Table(
        *("model", f"MASE at {origins}", f"to {REFERENCE}"),
        *(f"at all {len(grain.origins)}", "by origin", "coverage", "width", "three seeds", "s"),
    )
    for model in by_series.mean().sort_values().index:
        mine = judged[judged["model"] == model]
        gain = metrics.difference(by_series[model], by_series[REFERENCE])
        by_origin = mine.groupby("origin")["mase"].mean()
        page.add_row(
            model + (" *" if model == champion else ""),
            f"{by_series[model].mean():.3f}",
            f"{gain.value:+.3f} ({gain.low:+.3f} .. {gain.high:+.3f})",
            f"{rows.loc[rows['model'] == model, 'mase'].mean():.3f}",
            " ".join(f"{value:.2f}" for value in by_origin),
            f"{mine['covered'].mean():.3f}",
            f"{mine['width'].mean():.2f}",
            " ".join(f"{value:.3f}" for value in seeds.get(model, [])),
            f"{seconds[model]:.1f}",
        )
    Console(width=180).print(f"{grain.name}; * champion, chosen before {grain.origins[0]}", page)


def figures_of(
    grain: Grain, rows: pd.DataFrame, board: pd.DataFrame, seeds: Mapping[str, Sequence[float]]
) -> list[Figure]:
    """What must hold of the champion, and whether it does; of what draws at random, its seeds."""
    champion = board.loc[board["champion"], "model"].iloc[0]
    judged = rows[rows["origin"].isin(grain.published)]
    mine = judged[judged["model"] == champion]
    by_series = judged.groupby(["model", "unique_id"])["mase"].mean().unstack("model")
    value, every = mine["mase"].mean(), rows.loc[rows["model"] == champion, "mase"].mean()
    gain = metrics.difference(by_series[champion], by_series[REFERENCE])
    what = f"departments {grain.name}, {{}}: {champion}, chosen before the test"
    found = [
        Figure(
            what.format("MASE"),
            f"{grain.must}",
            f"{grain.aim}",
            f"{value:.3f}; over {len(grain.origins)} origins {every:.3f}",
            bool(value <= grain.must),
        ),
        Figure(
            f"the same, to {REFERENCE}, paired",
            "below 0" if grain.is_below_theta else "",
            "",
            f"{gain.value:+.3f} ({gain.low:+.3f} .. {gain.high:+.3f})",
            gain.high < 0 if grain.is_below_theta else None,
        ),
    ]
    low, high = grain.coverage
    covered = mine["covered"].mean()
    aim = " to ".join(f"{end:.2f}" for end in grain.coverage_aim)
    must = f"{low:.2f} to {high:.2f}"
    what = what.format("coverage of the 80% interval")
    found.append(Figure(what, must, aim, f"{covered:.3f}", bool(low <= covered <= high)))
    for model, values in seeds.items():
        what = f"departments {grain.name}, MASE of {len(values)} seeds: {model}"
        found.append(Figure(what, "", "", ", ".join(f"{value:.3f}" for value in values)))
    return found


def show_totals(grain: Grain, path: Path) -> None:
    """Print what adding up does to the departments' and the total's MASE, forecast by `level`."""
    told = series_file.read(path, grain.freq)
    history = reconcile.with_totals(
        told.rows.drop(columns="place"), {"TOTAL": list(told.ids.index)}
    )
    found = []
    for n in grain.published:
        seen = history[history.groupby("series_id").cumcount() < n].reset_index(drop=True)
        found.append(_reconciled(grain, seen, history, list(told.ids.index)))
    rows = pd.concat(found)
    kind = rows["series_id"].eq("TOTAL").map({True: "total", False: "departments"})
    Console().print(f"{grain.name}, level before and after adding up (MASE):")
    Console().print(rows.groupby(kind)[["before", "after"]].mean().round(3).to_string())


def _reconciled(
    grain: Grain, seen: pd.DataFrame, sold: pd.DataFrame, parts: list[str]
) -> pd.DataFrame:
    """Absolute scaled errors before and after reconciliation at one origin."""
    base = next(c for c in models.configurations(grain.season, grain.horizon) if c.model == "level")
    past = []
    for one in backtest.past_origins(seen, grain.horizon, grain.season):
        rows = backtest.beside(backtest.answers(base, one.history, one.future), one.sold)
        rows = rows.assign(error=rows["y"] - rows["p50"])
        past.append(rows.pivot(index="ds", columns="series_id", values="error"))
    said = backtest.answers(base, seen, steps_after(seen, grain.horizon)).rows
    after = reconcile.coherent(said, pd.concat(past), {"TOTAL": parts})
    rows = said.merge(sold, on=backtest.KEYS)
    moved = rows[backtest.KEYS].merge(after, on=backtest.KEYS)["p50"]
    return rows.assign(
        before=(rows["y"] - rows["p50"]).abs() / rows["scale"],
        after=(rows["y"] - moved).abs() / rows["scale"],
    )


def main(
    out: Annotated[Path | None, typer.Option(help="folder for the bench's files")] = None,
    to: figures.To = None,
) -> None:
    command.tell_facts()
    held: list[Figure] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        paths = write_files(folder)
        for grain in (WEEKLY, DAILY):
            path, place = paths[grain.name], folder / grain.name
            files.bench(path, grain.freq, grain.season, grain.horizon, grain.origins, place)
            forecasts = pd.read_parquet(place / "forecasts.parquet")
            board = pd.read_parquet(place / "leaderboard.parquet")
            rows = errors(grain, forecasts, path)
            seeds = spread(grain, path)
            show(grain, rows, board, seeds)
            show_totals(grain, path)
            held += figures_of(grain, rows, board, seeds)
    figures.write(to, held)


if __name__ == "__main__":
    command.run(main)
