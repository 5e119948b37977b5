"""Wins and closings on a synthetic pipeline: `python -m infra.bench.pipeline OUT [--weekly 40]`.

Everything in it is made up: salespeople and customers of known skill, stages with known hazards, an
expected close that is put off. So the true chance of every opportunity at an origin is known, by
running the generator on from where it stands, and is the best that anyone can tell. It writes
OUT/synthetic.parquet (a row per change) and OUT/truth.parquet, gives the first to the bench of
files, and prints one table: every model beside the truth and beside the win rate of the stage. No
claim about real opportunities rests on it.
"""

import datetime as dt
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from infra.bench import figures
from infra.bench.figures import Figure
from jobs import command
from jobs.training.propensity import accuracy, closing, files, models
from jobs.training.propensity.classifier import chances
from jobs.training.propensity.wanted import Wanted

FIRST = pd.Timestamp("2021-01-04")  # a Monday
WEEKS, ASKED = 208, (129, 155)  # weeks of the file, and those on whose last evening is asked
HORIZON_WEEKS = 13
STAGES = ("prospect", "qualified", "proposal", "negotiation", "contract")
SOURCES = {"referral": 0.5, "event": 0.2, "web": 0.0, "partner": -0.2, "list": -0.5}
OWNERS, ACCOUNTS = 24, 600
# log-odds by stage of a week's end or move
LOSES = np.array([-3.0, -3.3, -3.4, -3.6, -3.8])
WINS = np.array([-30.0, -30.0, -4.5, -2.8, -1.4])  # never from the first two
ADVANCES = np.array([-1.7, -1.6, -1.7, -1.6, -30.0])
DRAWS, LONGEST = 2_000, 104  # futures of each opportunity, and weeks of them
GAP, SLOPES, COVERS = 0.5, (0.8, 1.25), (0.75, 0.85)  # what must be reached: see `found`


@dataclass
class Deals:
    """N opportunities, each where it stands; a week moves them on."""

    number: np.ndarray  # its place among all
    quality: np.ndarray  # log-odds of salesperson, customer, source and amount together
    stage: np.ndarray
    weeks: np.ndarray  # in its stage
    pushes: np.ndarray
    backs: np.ndarray
    ahead: np.ndarray  # weeks to its expected close
    end: np.ndarray  # 0 open, 1 won, 2 lost

    def some(self, at: np.ndarray) -> "Deals":
        return Deals(*(getattr(self, one.name)[at] for one in fields(self)))

    @classmethod
    def together(cls, parts: list["Deals"]) -> "Deals":
        return cls(*(np.concatenate([getattr(p, one.name) for p in parts]) for one in fields(cls)))

    def week(self, chance: np.random.Generator) -> None:
        """One week on: it is lost, won, moved on or back, or its close is put off."""
        count = len(self.stage)
        stale = np.minimum(self.weeks / 6, 2.0)
        worth = self.quality - 0.35 * np.minimum(self.pushes, 4) - 0.4 * self.backs
        loses = chances(LOSES[self.stage] - 0.6 * worth + 0.3 * stale)
        wins = chances(WINS[self.stage] + 0.6 * worth - 0.2 * stale)
        advances = chances(ADVANCES[self.stage] + 0.4 * worth - 0.3 * stale)
        falls = np.where(self.stage > 0, chances(-4 + 0.4 * stale), 0.0)
        edges = np.cumsum(np.stack([loses, wins, advances, falls]), axis=0)
        what = (chance.random(count) > edges).sum(axis=0)  # 4: nothing
        self.end = np.select([what == 0, what == 1], [2, 1], 0)
        step = np.select([what == 2, what == 3], [1, -1], 0)
        self.stage = self.stage + step
        self.weeks = np.where(step != 0, 0, self.weeks + 1)
        self.backs = self.backs + (step < 0)
        self.ahead = self.ahead - 1
        puts_off = (self.end == 0) & (self.ahead <= 1) & (chance.random(count) < 0.7)
        self.ahead = self.ahead + puts_off * chance.integers(4, 9, count)
        self.pushes = self.pushes + puts_off


@dataclass
class Company:
    """Who sells what to whom; all made up."""

    weekly: int  # opportunities that are opened in a week, on average
    seed: int = 0

    def run(self) -> tuple[pd.DataFrame, dict[int, Deals]]:
        """Every change, and where the open ones stood at the end of the weeks that are ASKED."""
        chance = np.random.default_rng(self.seed)
        skill = chance.normal(0, 0.5, OWNERS)
        likes = chance.normal(0, 0.4, ACCOUNTS)
        effects = np.array(list(SOURCES.values()))
        here, known, parts, stood = [], [], [], {}
        count = 0
        open_ones: Deals | None = None
        for week in range(WEEKS):
            if open_ones is not None:
                before = open_ones.some(np.arange(len(open_ones.stage)))
                open_ones.week(chance)
                moved = (before.stage != open_ones.stage) | (open_ones.end > 0)
                moved |= before.pushes != open_ones.pushes
                parts.append(_rows(open_ones.some(moved), week, chance))
                open_ones = open_ones.some(open_ones.end == 0)
            new = int(chance.poisson(self.weekly))
            whose = (
                chance.integers(OWNERS, size=new),
                chance.integers(ACCOUNTS, size=new),
                chance.integers(len(SOURCES), size=new),
            )
            size = chance.normal(0, 1, new)
            quality = skill[whose[0]] + likes[whose[1]] + effects[whose[2]] - 0.25 * size
            known.append(
                pd.DataFrame(dict(zip(("owner", "account", "source"), whose, strict=True)))
            )
            known[-1]["amount_usd"] = np.exp(9.5 + size).round(-2)
            none = np.zeros(new, int)
            ahead = np.maximum(chance.lognormal(2.5, 0.3, new).round().astype(int), 2)
            opened = Deals(
                np.arange(count, count + new), quality, none, none, none, none, ahead, none
            )
            count += new
            parts.append(_rows(opened, week, chance))
            here = [opened] if open_ones is None else [open_ones, opened]
            open_ones = Deals.together(here)
            if week in ASKED:
                stood[week] = open_ones.some(np.arange(len(open_ones.stage)))
        return _told(pd.concat(parts), pd.concat(known, ignore_index=True)), stood


def _rows(deals: Deals, week: int, chance: np.random.Generator) -> pd.DataFrame:
    """What is written down of them in a week, at office hours of some day."""
    count = len(deals.stage)
    hours = 24 * chance.integers(0, 7, count) + chance.integers(8, 18, count)
    start = FIRST + pd.Timedelta(weeks=week)
    told = {
        "number": deals.number,
        "changed_at": start + pd.to_timedelta(hours, unit="h"),
        "stage": np.array(STAGES)[deals.stage],
        "status": np.array(["open", "won", "lost"])[deals.end],
        "expected_close_date": start + pd.to_timedelta(7 * deals.ahead + 6, unit="D"),
    }
    return pd.DataFrame(told)


def _told(rows: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """As a CRM's export has it; every id says that it is synthetic."""
    of = known.loc[rows["number"]].reset_index(drop=True)
    rows = rows.reset_index(drop=True)
    named = {
        "opportunity_id": identified(rows["number"]),
        "owner_id": [f"synthetic salesperson {n:02}" for n in of["owner"]],
        "account_id": [f"synthetic customer {n:03}" for n in of["account"]],
        "source": np.array(list(SOURCES))[of["source"]],
        "amount_usd": of["amount_usd"],
    }
    found = rows.assign(**named).drop(columns="number")
    return found.sort_values(["opportunity_id", "changed_at"], kind="stable", ignore_index=True)


def identified(numbers: np.ndarray | pd.Series) -> list[str]:
    return [f"synthetic {n:05}" for n in numbers]


def evening(week: int) -> dt.date:
    """The last day of a week."""
    return (FIRST + pd.Timedelta(days=7 * week + 6)).date()


def truth(stood: Deals, week: int, seed: int = 1) -> pd.DataFrame:
    """What will become of each, by running the generator on DRAWS times from where it stands.

    Returns:
        opportunity_id, origin, p (won in the horizon), and close_days as the bench writes them.
    """
    chance = np.random.default_rng(seed)
    count = len(stood.stage)
    of = np.repeat(np.arange(count), DRAWS)
    alive = np.arange(len(of))
    deals = stood.some(of)
    days = np.full(len(of), 7 * LONGEST)
    won = np.zeros(len(of), bool)
    for later in range(1, LONGEST + 1):
        deals.week(chance)
        ended = deals.end > 0
        days[alive[ended]] = 7 * later - chance.integers(0, 7, int(ended.sum()))
        if later <= HORIZON_WEEKS:
            won[alive[deals.end == 1]] = True
        alive, deals = alive[~ended], deals.some(~ended)
    told = np.quantile(days.reshape(count, DRAWS), (closing.MIDDLE, closing.LO, closing.HI), axis=1)
    found = dict(zip(("close_days", "close_days_lo", "close_days_hi"), told, strict=True))
    p = won.reshape(count, DRAWS).mean(axis=1)
    ids = identified(stood.number)
    return pd.DataFrame({"opportunity_id": ids, "origin": evening(week), "p": p, **found})


def judged(truths: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """One row per model, the truth first: means over the origins of what came after them."""
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
    weekly: Annotated[int, typer.Option(min=1, help="opportunities opened in a week")] = 40,
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
