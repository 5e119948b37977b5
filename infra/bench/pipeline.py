"""Wins and closings on a synthetic pipeline: `python -m infra.bench.pipeline OUT [--weekly 20]`.

Everything in it is made up, by infra/bench/deals.py, which so knows the true chance of every
opportunity at an origin: the best that anyone can tell. It writes OUT/synthetic.parquet (a row per
change) and OUT/truth.parquet, gives the first to the bench of files, and prints one table: every
model beside the truth and beside the win rate of the stage. No claim about real opportunities
rests on it.
"""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from infra.bench import figures
from infra.bench.deals import ASKED, HORIZON_WEEKS, Company, evening, truth
from infra.bench.figures import Figure
from jobs import command
from jobs.training.propensity import accuracy, files, models
from jobs.training.propensity.wanted import Wanted

GAP, SLOPES, COVERS = 0.5, (0.8, 1.25), (0.75, 0.85)  # what must be reached: see `found`


def judged(truths: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The row of the truth: means over the origins, by what came after them."""
    ends = rows[rows["status"] != "open"].set_index("opportunity_id")
    when = (ends["changed_at"].dt.normalize(), ends["status"] == "won")
    at = truths["opportunity_id"]
    days = (at.map(when[0]) - pd.to_datetime(truths["origin"])).dt.days
    label = (at.map(when[1]).eq(True) & (days <= 7 * HORIZON_WEEKS)).astype(int)
    inside = days.between(truths["close_days_lo"], truths["close_days_hi"]).where(days.notna())
    told = pd.DataFrame(
        {
            "close_coverage": inside.astype(float),
            "close_error_days": (truths["close_days"] - days).abs(),
            "close_width_days": truths["close_days_hi"] - truths["close_days_lo"],
        }
    )
    parts = []
    for _, part in truths.groupby("origin"):
        metrics = accuracy.per_account(part["p"].to_numpy(), label[part.index].to_numpy())
        parts.append({name: each.mean() for name, each in metrics.items()})
        parts[-1] |= told.loc[part.index].mean().to_dict()
    return pd.DataFrame(parts, index=["the truth"] * len(parts)).groupby(level=0).mean()


def test_rows(out: Path) -> pd.DataFrame:
    """Means over the origins, by model."""
    parts = [pd.read_parquet(out / f"{n}.parquet") for n in ("leaderboard", "close_leaderboard")]
    rows = pd.concat(parts)
    rows = rows[rows["window"] == "test"]
    return rows.pivot_table(index="model", columns="metric", values="value", aggfunc="mean")


COLUMNS = {
    "auc": ("AUC", "{:.3f}"),
    "log_loss": ("log loss", "{:.4f}"),
    "calibration_error": ("calibration error", "{:.3f}"),
    "calibration_slope": ("slope", "{:.2f}"),
    "close_coverage": ("80% hold", "{:.1%}"),
    "close_error_days": ("middle off by, days", "{:.0f}"),
    "close_width_days": ("80% are wide, days", "{:.0f}"),
}


def show(table: pd.DataFrame, champion: str) -> None:
    page = Table("synthetic", *(name for name, _ in COLUMNS.values()))
    for model, row in table.iterrows():
        cells = [
            form.format(row[c]) if row[c] == row[c] else "" for c, (_, form) in COLUMNS.items()
        ]
        page.add_row(f"{model}{' *' if model == champion else ''}", *cells)
    page.caption = "* champion; the truth: the generator's own chances, the best that anyone can"
    Console(width=130).print(page)


def found(table: pd.DataFrame, champion: str) -> list[Figure]:
    """What the champion must show: of the way from the stage's win rate to the truth, half."""
    best, stage, true = (table.loc[name] for name in (champion, models.BASELINE, "the truth"))
    way = (stage["log_loss"] - best["log_loss"]) / (stage["log_loss"] - true["log_loss"])
    loss = f"{way:.0%}: {best['log_loss']:.4f}; stage {stage['log_loss']:.4f}"
    covers, slope = table.loc["hazard", "close_coverage"], best["calibration_slope"]
    slopes, parts = (f"{one[0]} to {one[1]}" for one in (SLOPES, COVERS))
    off = f"{best['calibration_error']:.3f}; the truth {true['calibration_error']:.3f}"
    auc = f"{best['auc']:.3f}; the truth {true['auc']:.3f}, stage {stage['auc']:.3f}"
    is_straight = bool(SLOPES[0] <= slope <= SLOPES[1])
    holds = bool(COVERS[0] <= covers <= COVERS[1])
    return [
        Figure(
            f"synthetic wins, way from the stage's rate to the truth, log loss: {champion}",
            f"{GAP:.0%}",
            "",
            f"{loss}, the truth {true['log_loss']:.4f}",
            bool(way >= GAP),
        ),
        Figure("synthetic wins, AUC", "", "", auc),
        Figure("synthetic wins, calibration error of ten bins", "", "", off),
        Figure("synthetic wins, calibration slope", slopes, "", f"{slope:.2f}", is_straight),
        Figure("synthetic closings, held by the 80%", parts, "", f"{covers:.3f}", holds),
    ]


def main(
    out: Annotated[Path, typer.Argument(file_okay=False, help="folder of what is written")],
    weekly: Annotated[int, typer.Option(min=1, help="opportunities opened in a week")] = 20,
    to: figures.To = None,
) -> None:
    """Make the pipeline, ask the bench, and print the table."""
    command.tell_facts()
    out.mkdir(parents=True, exist_ok=True)
    rows, stood = Company(weekly).run()
    rows.to_parquet(out / "synthetic.parquet", index=False)
    truths = pd.concat([truth(one, week) for week, one in stood.items()], ignore_index=True)
    truths.to_parquet(out / "truth.parquet", index=False)
    days = tuple(evening(week) for week in ASKED)
    wanted = Wanted(
        None,
        "win",
        days,
        out / "judged",
        7 * HORIZON_WEEKS,
        opportunities=out / "synthetic.parquet",
    )
    leaderboard = files.bench(wanted).to_pandas()
    champion = str(leaderboard.loc[leaderboard["champion"], "model"].iloc[0])
    table = pd.concat([judged(truths, rows), test_rows(wanted.out)])
    show(table, champion)
    told = found(table, champion)
    typer.echo(figures.markdown(told))
    figures.write(to, told)


if __name__ == "__main__":
    command.run(main)
