"""Segments of The Complete Journey's households: `python -m infra.bench.segments [--out DIR]`.

Prints how steady each number of segments is (weeks 32, 36, 40: what choices rest on; 44 and 48:
told), the segments of week 44 with who of them stays away afterwards, what weekly refits do to who
is who, and every way on the bench of files at weeks 44 and 48.

--tried     other features and scales, on weeks 36 and 40
--accounts  seconds and memory of so many synthetic accounts, on one core; with --on-spark in Spark
"""

import datetime as dt
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from infra.bench import figures, place, sales
from infra.bench.figures import Figure
from jobs import command
from jobs.spark import session
from jobs.training import board, tracking, transactions
from jobs.training.segments import files, kmeans, segmentation, spark_kmeans
from jobs.training.segments.features import FEATURES, NAMES, features
from jobs.training.segments.segmenter import Segmenter
from jobs.training.segments.spark_kmeans import SparkKMeansSegmenter
from jobs.training.segments.stability import ARI_MEAN, ARI_MIN, COUNTS, by_count, steadiest
from jobs.training.segments.standard import MAKE, Standard

CHOICE, TOLD = (32, 36, 40), (44, 48)  # weeks of the package
FROM_WEEK = 40  # of the weekly refits
AWAY_DAYS = 28
KEPT = 0.95  # of unchanged customers, over a weekly refit


def sunday(week: int) -> dt.date:
    """The last day of a week of the package."""
    return dt.date(2017, 1, 1) + dt.timedelta(weeks=week - 1)


def way(count: int) -> Segmenter:
    return files.way("kmeans", count)


def show_counts(days: pd.DataFrame) -> None:
    page = Table("week", *(f"{count} segments" for count in COUNTS), "taken")
    for week in (*CHOICE, *TOLD):
        found = features(days, sunday(week))
        seen = by_count(way, Standard.of(found).points(found))
        told = [
            f"{one.ari.mean():.3f} / {one.ari.min():.3f} / {one.silhouette:.3f}"
            for one in seen.values()
        ]
        page.add_row(f"{week}", *told, f"{steadiest(seen)}")
    page.caption = "adjusted Rand index on average / at least, silhouette"
    Console(width=160).print(page)


def show_segments(days: pd.DataFrame, week: int) -> None:
    """Centres, and the share of accounts without an order in the four weeks after."""
    found = features(days, sunday(week))
    by, _ = files.chosen("kmeans", features(days, sunday(week - 4)), None)
    made = segmentation.make(by, found, sunday(week))
    at = made.assign(found)
    until = pd.Timestamp(sunday(week)) + pd.Timedelta(days=AWAY_DAYS)
    after = days[(days["business_date"] > pd.Timestamp(sunday(week))) & (days["orders"] > 0)]
    came = after.loc[after["business_date"] <= until, "account_id"].astype(str).unique()
    rows = made.centres.round(3).T
    rows.loc["accounts"] = at["segment_id"].value_counts()
    away = pd.Series(~at.index.isin(came), at.index)
    rows.loc["away"] = away.groupby(at["segment_id"]).mean().round(3)
    rows.columns = pd.Index(made.codes)
    Console(width=160).print(f"week {week}: medians; away: share without an order in 28 days")
    Console(width=160).print(rows.to_string())


def weekly(days: pd.DataFrame) -> pd.DataFrame:
    """A row per refit from FROM_WEEK on, each of the one before, as in operation."""
    last = features(days, sunday(FROM_WEEK))
    by, _ = files.chosen("kmeans", last, None)
    before, rows = segmentation.make(by, last, sunday(FROM_WEEK)), []
    for week in range(FROM_WEEK + 1, TOLD[-1] + 1):
        now = features(days, sunday(week))
        refit = segmentation.refit(before, by, last, now, sunday(week))
        moves = refit.movement
        stayed = moves.loc[moves["from_id"] == moves["to_id"], "accounts"].sum()
        rows.append(
            {
                "week": week,
                "segments": refit.segments.groups.count,
                "unchanged": len(refit.kept),
                "kept_share": refit.kept.mean(),
                "stayed_share": stayed / len(now),
                "moved_share": refit.moved_share,
                "ari_mean": refit.stability.ari.mean(),
                "ari_min": refit.stability.ari.min(),
                "waits": "; ".join(refit.reasons) or "no",
            }
        )
        before, last = refit.segments, now
    return pd.DataFrame(rows)


def z_scores(found: pd.DataFrame) -> np.ndarray:
    """Standard deviations of logs in place of places, the same features and weights."""
    values = np.log1p(found[[one.name for one in MAKE]])
    scaled = ((values - values.mean()) / values.std()).fillna(0).clip(-3, 3)
    return scaled.to_numpy() * [min(one.weight, 1.0) for one in MAKE]


def tried() -> dict[str, Callable[[pd.DataFrame], np.ndarray]]:
    """Name → points of features."""

    def places(**weights: float) -> Callable[[pd.DataFrame], np.ndarray]:
        kept = [replace(one, weight=weights.get(one.name, one.weight)) for one in FEATURES]
        kept = [
            replace(one, scale="place") if one.name in weights else one
            for one in kept
            if one.weight
        ]
        return lambda found: Standard.of(found).points(found, kept)

    return {
        "as it is": lambda found: Standard.of(found).points(found),
        "logs, standardised": z_scores,
        "all ten as places": places(**dict.fromkeys(NAMES, 1.0)),
        "coupons as the others": places(coupon_share=1.0),
        "recency as a place": places(recency_days=1.0),
        "trend too": places(trend=1.0),
        "basket too": places(basket_usd=1.0),
    }


def show_tried(days: pd.DataFrame) -> None:
    page = Table("features", *(f"week {week}" for week in CHOICE[1:]))
    for name, points in tried().items():
        told = []
        for week in CHOICE[1:]:
            seen = by_count(way, points(features(days, sunday(week))))
            count = steadiest(seen)
            one = seen[count]
            told.append(
                f"{count}: {one.ari.mean():.3f} / {one.ari.min():.3f} / {one.silhouette:.3f}"
            )
        page.add_row(name, *told)
    page.caption = "segments taken: adjusted Rand index on average / at least, silhouette"
    Console(width=140).print(page)


def synthetic(accounts: int) -> np.ndarray:
    """Points of synthetic accounts, spread as the panel's are: places, and a tail of recency."""
    rng = np.random.default_rng(0)
    spread = rng.uniform(-np.sqrt(3), np.sqrt(3), (accounts, 4))
    recency = 0.4 * np.log2(1 + rng.exponential(3, accounts))
    return np.column_stack([recency, spread, np.zeros(accounts)])


def show_scale(accounts: int, on_spark: bool) -> None:
    points = synthetic(accounts)

    def took(by: Segmenter) -> None:
        with tracking.PeakMemory() as memory:
            started = time.perf_counter()
            groups = by.groups(points)
            fitted = time.perf_counter() - started
            groups.assign(points)
            assigned = time.perf_counter() - started - fitted
        typer.echo(
            f"{by.name}, {accounts:,} synthetic accounts: {fitted:.1f} s to fit,"
            f" {assigned:.1f} s to assign, {memory.mib:,.0f} MiB"
        )

    if not on_spark:
        took(kmeans.KMeansSegmenter(kmeans.Params()))
        return
    with (
        tempfile.TemporaryDirectory() as home,
        place.opened(Path(home, "state")),
        session.opened("segments") as spark,
    ):
        took(SparkKMeansSegmenter(spark_kmeans.Params(), spark))


def figures_of(leaderboard: pd.DataFrame, refits: pd.DataFrame) -> list[Figure]:
    """What must hold of the champion of each origin, and of the weekly refits."""
    mine = leaderboard[leaderboard["champion"] & (leaderboard["window"] == "test")]
    found = []
    for origin, rows in mine.groupby("origin"):
        value = rows.set_index("metric")["value"]
        model, count = rows["model"].iloc[0], int(value["segments"])
        held = count in COUNTS and value["ari_mean"] >= ARI_MEAN and value["ari_min"] >= ARI_MIN
        found.append(
            Figure(
                f"segments as of {origin}: {model}, adjusted Rand index over 50 bootstraps",
                f"4 to 8, mean {ARI_MEAN}, least {ARI_MIN}",
                "",
                f"{count}, mean {value['ari_mean']:.3f}, least {value['ari_min']:.3f},"
                f" silhouette {value['silhouette']:.3f}",
                bool(held),
            )
        )
    least = refits["kept_share"].min()
    weeks = f"weeks {FROM_WEEK} to {TOLD[-1]}"
    what = f"unchanged customers that keep their segment over a weekly refit, {weeks}"
    told = f"{least:.1%} to {refits['kept_share'].max():.1%}"
    found.append(Figure(what, f"{KEPT:.0%}", "", told, bool(least >= KEPT)))
    return found


def bench(days_file: Path, out: Path) -> pd.DataFrame:
    """Every way at the weeks that are told: the leaderboard."""
    asked = files.Asked(days_file, tuple(sunday(week) for week in TOLD), out)
    found = files.bench(asked)
    board.show(found, "origin", out, is_higher_better=True)
    rows: pd.DataFrame = found.to_pandas()
    test = rows[rows["window"] == "test"]
    pivot = test.pivot(index=["origin", "model"], columns="metric", values="value").round(3)
    Console(width=140).print(pivot.to_string())
    return rows


def measured(days: pd.DataFrame, file: Path, out: Path) -> Sequence[Figure]:
    show_counts(days)
    show_segments(days, TOLD[0])
    refits = weekly(days)
    Console(width=160).print(refits.round(3).to_string(index=False))
    return figures_of(bench(file, out), refits)


def main(
    out: Annotated[Path | None, typer.Option(help="folder for the bench's files")] = None,
    tried: Annotated[bool, typer.Option(help="other features and scales")] = False,
    accounts: Annotated[int, typer.Option(min=0, help="synthetic ones, to fit and assign")] = 0,
    on_spark: Annotated[bool, typer.Option(help="with --accounts: in Spark")] = False,
    to: figures.To = None,
) -> None:
    command.tell_facts()
    if accounts:
        show_scale(accounts, on_spark)
        return
    with tempfile.TemporaryDirectory() as temporary:
        file = sales.write(Path(temporary))["transactions"]
        days = transactions.days(file)
        if tried:
            show_tried(days)
            return
        figures.write(to, measured(days, file, out or Path(temporary, "out")))


if __name__ == "__main__":
    command.run(main)
