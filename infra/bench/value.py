"""Customer value on the public panel: `python -m infra.bench.value [--out DIR] [--choose]`.

Writes all of the package's lines as a file of sales lines, gives it to the bench of files (eight
weeks ahead of weeks 40 and 44), and prints one table an origin: MAE and its paired difference to
the same as last period (95% interval over accounts), what the choice rests on, the share of errors
in all sales, by how much all are under-forecast, the 80% interval's coverage and width; then the
champion's values beside what was spent, by tenths of accounts. With --choose it prints what the
settings were chosen by instead: eight weeks ahead of weeks 24, 28 and 32, which end by week 40.
"""

import datetime as dt
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from infra.bench import figures, sales
from infra.bench.figures import Figure
from jobs import command
from jobs.training import transactions
from jobs.training.family import Configuration
from jobs.training.value import fading, files, gbm, models
from jobs.training.value.history import spent

ORIGINS = (dt.date(2017, 10, 1), dt.date(2017, 10, 29))  # the ends of weeks 40 and 44
HORIZON_DAYS = 56
CHOSEN_ON = (dt.date(2017, 6, 11), dt.date(2017, 7, 9), dt.date(2017, 8, 6))
TRIED = (
    *(Configuration("fading", fading.Params(half_life_weeks=weeks)) for weeks in (4.0, 16.0)),
    *(Configuration("gbm", gbm.Params(share=share)) for share in (0.25, 0.75, 1.0)),
    *(Configuration("gbm", gbm.Params(leaves=leaves)) for leaves in (4, 16)),
    *(Configuration("gbm", gbm.Params(rounds=rounds)) for rounds in (50, 200)),
)
AIM = -0.05  # of the baseline's MAE


def wide(board: pd.DataFrame, origin: str) -> pd.DataFrame:
    """One row per model, the best on the test first: a column per metric, and what they rest on."""
    here = board[board["origin"] == origin]
    test, valid = (here[here["window"] == window] for window in ("test", "valid"))
    found = test.pivot(index="model", columns="metric", values="value")
    mae = test[test["metric"] == files.DECIDES].set_index("model")
    found["valid"] = valid[valid["metric"] == files.DECIDES].set_index("model")["value"]
    found[["diff", "low", "high"]] = mae[["diff_to_baseline", "diff_lo", "diff_hi"]]
    found["gain"] = found["diff"] / found.loc[models.BASELINE, "mae"]
    found[["champion", "seconds"]] = mae[["champion", "seconds"]]
    return found.sort_values("mae")


def show(found: pd.DataFrame, origin: str) -> None:
    """Print an origin's table."""
    page = Table(
        *("model", "MAE, USD", f"to {models.BASELINE} (95%)", "share", "valid MAE"),
        *("WAPE", "bias, USD", "coverage", "width, USD", "s"),
        title=f"the {HORIZON_DAYS} days after {origin}; * champion",
    )
    for model, r in found.iterrows():
        page.add_row(
            f"{model}{' *' if r['champion'] else ''}",
            f"{r['mae']:.1f}",
            f"{r['diff']:+.1f} ({r['low']:+.1f} .. {r['high']:+.1f})",
            f"{r['gain']:+.1%}",
            f"{r['valid']:.1f}",
            f"{r['wape']:.3f}",
            f"{r['bias']:+.1f}",
            f"{r['coverage']:.3f}",
            f"{r['width']:.0f}",
            f"{r['seconds']:.1f}",
        )
    Console(width=150).print(page)


def show_calibration(rows: pd.DataFrame, champion: str) -> None:
    """Print the champion's tenths, over the origins' test windows."""
    mine = rows[(rows["model"] == champion) & (rows["window"] == "test")]
    page = Table("tenth", "accounts", "foretold, USD", "spent, USD", "coverage", title=champion)
    for decile, r in mine.groupby("decile"):
        weight = r["accounts"] / r["accounts"].sum()
        told, spent, inside = (
            (r[n] * weight).sum() for n in ("value_usd", "actual_usd", "coverage")
        )
        page.add_row(
            *(str(decile), str(r["accounts"].sum())),
            *(f"{told:.1f}", f"{spent:.1f}", f"{inside:.3f}"),
        )
    Console(width=100).print(page)


def show_choice(days: pd.DataFrame, configurations: Sequence[Configuration]) -> None:
    """Print MAE by origin and the bias of every configuration, on windows before the test's."""
    page = Table("model", *(f"MAE {day}" for day in CHOSEN_ON), "mean MAE, USD", "bias, USD")
    for one in configurations:
        errors = []
        for origin in CHOSEN_ON:
            told = files.answer(one, days, origin, HORIZON_DAYS)
            end = origin + dt.timedelta(days=HORIZON_DAYS)
            actual = spent(days, told["account_id"].to_numpy(), origin, HORIZON_DAYS, end)
            errors.append(actual - told["value_usd"])
        maes = [error.abs().mean() for error in errors]
        bias = sum(error.mean() for error in errors) / len(errors)
        cells = (*maes, sum(maes) / len(maes))
        page.add_row(f"{one.model} {one.params}", *(f"{mae:.2f}" for mae in cells), f"{bias:+.1f}")
    Console(width=240).print(page)


def figures_of(found: pd.DataFrame, origin: str) -> list[Figure]:
    """What must hold of the champion at an origin, and whether it does."""
    champion = found[found["champion"].astype(bool)].iloc[0]
    what = f"value, {HORIZON_DAYS} days after {origin}: {champion.name}, {{}}"
    told = f"{champion['diff']:+.1f} ({champion['low']:+.1f} .. {champion['high']:+.1f}) USD,"
    return [
        Figure(
            what.format(f"MAE to {models.BASELINE}, paired"),
            "below 0",
            f"{AIM:.0%}",
            f"{told} {champion['gain']:+.1%}",
            bool(champion["high"] < 0),
        ),
        Figure(
            what.format("coverage of the 80% interval"), "", "0.80", f"{champion['coverage']:.3f}"
        ),
    ]


def main(
    out: Annotated[Path | None, typer.Option(help="folder for the bench's files")] = None,
    choose: Annotated[bool, typer.Option("--choose", help="what settings rest on")] = False,
    to: figures.To = None,
) -> None:
    command.tell_facts()
    held: list[Figure] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        path = sales.write(folder)["transactions"]
        if choose:
            show_choice(transactions.days(path), [*models.configurations(), *TRIED])
            return
        asked = files.Asked(path, ORIGINS, HORIZON_DAYS, folder / "value")
        board = files.bench(asked).to_pandas()
        for origin in (one.isoformat() for one in ORIGINS):
            found = wide(board, origin)
            show(found, origin)
            held += figures_of(found, origin)
        champion = board.loc[board["champion"], "model"].iloc[0]
        show_calibration(pd.read_parquet(asked.out / "calibration.parquet"), champion)
    figures.write(to, held)


if __name__ == "__main__":
    command.run(main)
