"""Churn and answers to a campaign on the public panel: `python -m infra.bench.propensity OUT`.

Churn in the four weeks after weeks 44 and 48; who redeems a coupon of campaign 18, the day before
it starts. Both by the bench of files, `python -m jobs.training.bench propensity`.
"""

import datetime as dt
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from infra.bench import figures, sales
from infra.bench.figures import Figure
from jobs import command
from jobs.training import board
from jobs.training.propensity import files
from jobs.training.propensity.wanted import Wanted

WEEKS = (dt.date(2017, 10, 29), dt.date(2017, 11, 26))  # the ends of weeks 44 and 48
EVE = (dt.date(2017, 10, 29),)  # campaign 18 starts on the day after
CHURN_AUC, CHURN_AIM = 0.861, 0.868
OFFER_AUC, OFFER_AUC_AIM = 0.850, 0.860
OFFER_PR, OFFER_PR_AIM = 0.640, 0.665
MOST_OFF, SLOPES = 0.03, (0.8, 1.25)  # calibration error, and slope


def test_rows(leaderboard: pd.DataFrame) -> pd.DataFrame:
    """Mean over origins of every metric, by model; the champion's name in `champion`."""
    rows = leaderboard[leaderboard["window"] == "test"]
    return rows.pivot_table(index="model", columns="metric", values="value", aggfunc="mean")


def found(task: str, rows: pd.DataFrame, champion: str) -> list[Figure]:
    """What the champion must show, and what the others do."""
    best = rows.loc[champion]
    others = rows["auc"].drop(champion).sort_values(ascending=False)
    told = ", ".join(f"{name} {value:.4f}" for name, value in others.items())
    must, aim = (CHURN_AUC, CHURN_AIM) if task == "churn" else (OFFER_AUC, OFFER_AUC_AIM)
    what = "churn in 4 weeks" if task == "churn" else "answers to campaign 18"
    auc = f"{best['auc']:.4f}; {told}"
    off = best["calibration_error"]
    is_straight = SLOPES[0] <= best["calibration_slope"] <= SLOPES[1]
    slopes = f"{SLOPES[0]} to {SLOPES[1]}"
    figures_found = [
        Figure(f"{what}, AUC: {champion}", f"{must}", f"{aim}", auc, bool(best["auc"] >= must)),
        Figure(
            f"{what}, calibration error of ten bins",
            f"{MOST_OFF}",
            "",
            f"{off:.4f}",
            bool(off <= MOST_OFF),
        ),
        Figure(
            f"{what}, calibration slope",
            slopes,
            "",
            f"{best['calibration_slope']:.2f}",
            bool(is_straight),
        ),
    ]
    if task == "offer":
        value = best["pr_auc"]
        figures_found.append(
            Figure(
                f"{what}, PR-AUC",
                f"{OFFER_PR}",
                f"{OFFER_PR_AIM}",
                f"{value:.4f}",
                bool(value >= OFFER_PR),
            )
        )
    return figures_found


def main(
    out: Annotated[Path, typer.Argument(file_okay=False, help="folder of what is written")],
    to: figures.To = None,
) -> None:
    """Both benches, their leaderboards, and the figures."""
    command.tell_facts()
    given = sales.write(out / "panel")
    lines = given.pop("transactions")
    told: list[Figure] = []
    for wanted in (
        Wanted(lines, "churn", WEEKS, out / "churn"),
        Wanted(lines, "offer", EVE, out / "offer", **given),
    ):
        leaderboard = files.bench(wanted)
        board.show(leaderboard, "origin", wanted.out, is_higher_better=True)
        rows = leaderboard.to_pandas()
        champion = str(rows.loc[rows["champion"], "model"].iloc[0])
        told += found(wanted.task, test_rows(rows), champion)
    typer.echo(figures.markdown(told))
    figures.write(to, told)


if __name__ == "__main__":
    command.run(main)
