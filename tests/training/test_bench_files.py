"""The options of a bench of files: what it needs, what it does not take, what it goes without."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from jobs.training import bench, board
from jobs.training.bench_files import OF, PURCHASES, WIN
from jobs.training.forecasts import files as series_files
from jobs.training.propensity import files as propensity_files
from jobs.training.propensity.wanted import Wanted
from jobs.training.recommenders import files as purchase_files
from jobs.training.recommenders.purchase_files import Asked
from jobs.training.segments import files as segment_files
from jobs.training.segments import kinds
from jobs.training.value import files as value_files

VALUES = {
    "--interactions": "bought.csv",
    "--train-until": "2017-10-29",
    "--out": "judged",
    "--horizon-days": "7",
    "--k": "5",
    "--min-buyers": "3",
    "--products": "products.csv",
    "--promotions": "promotions.csv",
    "--series": "series.csv",
    "--freq": "D",
    "--season": "7",
    "--horizon": "14",
    "--origins": "36,40",
    "--transactions": "lines.csv",
    "--task": "offer",
    "--campaigns": "campaigns.csv",
    "--recipients": "recipients.csv",
    "--coupons": "coupons.csv",
    "--redemptions": "redemptions.csv",
    "--opportunities": "pipeline.csv",
}
OF_PURCHASES = ("--interactions", "--train-until", "--out")
OF_SERIES = ("--series", "--freq", "--season", "--horizon", "--origins", "--out")

app = typer.Typer()
app.command()(bench.main)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the benches are asked for; none of them runs."""
    found: list[object] = []
    monkeypatch.setattr(purchase_files, "bench", lambda wanted: found.append(wanted))
    monkeypatch.setattr(series_files, "bench", lambda *wanted: found.append(wanted))
    for room in (propensity_files, value_files, segment_files):
        monkeypatch.setattr(room, "bench", lambda wanted: found.append(wanted))
    monkeypatch.setattr(kinds, "show", lambda out: None)
    monkeypatch.setattr(bench, "bench", lambda *wanted: found.append(wanted))
    monkeypatch.setattr(board, "show", lambda *_, is_higher_better: None)
    monkeypatch.setattr(bench, "show", lambda run_id: None)
    return found


def told(family: str, options: Sequence[str], *more: str) -> Result:
    """The command with these options of files, each with its value, and what else is typed."""
    typed = [part for option in options for part in (option, VALUES[option])]
    # wide: the sentence stands in a box, and no word is broken
    return CliRunner().invoke(app, [family, *typed, *more], env={"COLUMNS": "400"})


def test_every_option_of_the_group_is_of_a_bench_of_files() -> None:
    command = typer.main.get_command(app)
    group = {p.name for p in command.params if getattr(p, "rich_help_panel", None) == bench.FILES}
    assert group == {name for of in (*OF.values(), WIN) for name in (*of.needed, *of.more)}
    assert group == {option[2:].replace("-", "_") for option in VALUES}


@pytest.mark.parametrize(
    "option", [f"--{name.replace('_', '-')}" for name in (*PURCHASES.needed, *PURCHASES.more)]
)
def test_an_option_of_purchases_alone_says_what_is_missing(
    option: str, asked: list[object]
) -> None:
    found = told("recommenders", [option])
    missing = ", ".join(needed for needed in OF_PURCHASES if needed != option)
    assert found.exit_code == 2
    assert f"a bench of files needs {missing} too" in found.output
    assert not asked


@pytest.mark.parametrize("option", OF_SERIES)
def test_an_option_of_series_alone_says_what_is_missing(option: str, asked: list[object]) -> None:
    found = told("forecasts", [option])
    missing = ", ".join(needed for needed in OF_SERIES if needed != option)
    assert found.exit_code == 2
    assert f"a bench of files needs {missing} too" in found.output
    assert not asked


@pytest.mark.parametrize(
    ("family", "needed", "other"),
    [
        *(("recommenders", OF_PURCHASES, option) for option in OF_SERIES[:-1]),
        *(("forecasts", OF_SERIES, option) for option in VALUES if option not in OF_SERIES),
    ],
)
def test_an_option_of_the_other_family_is_refused(
    family: str, needed: tuple[str, ...], other: str, asked: list[object]
) -> None:
    for options in ([other], [*needed, other]):
        found = told(family, options)
        assert found.exit_code == 2
        assert f"of {family} does not take {other}; it takes {needed[0]}" in found.output
    assert not asked


def test_an_option_of_the_lakes_bench_is_refused(asked: list[object]) -> None:
    for family, needed in (("recommenders", OF_PURCHASES), ("forecasts", OF_SERIES)):
        found = told(family, needed, "--cut", "2017-10-29")
        assert found.exit_code == 2
        assert f"a bench of files of {family} does not take --cut; it takes" in found.output
    assert not asked


def test_what_is_not_told_has_the_default_that_help_shows(asked: list[object]) -> None:
    assert told("recommenders", OF_PURCHASES).exit_code == 0
    wanted = Asked(Path("bought.csv"), dt.date(2017, 10, 29), Path("judged"))
    assert asked == [wanted]
    shown = told("recommenders", (), "--help").output
    for value in (wanted.horizon_days, wanted.k, wanted.min_buyers):
        assert f"[default: ({value}" in shown


def test_what_is_told_reaches_the_bench(asked: list[object]) -> None:
    more = ("--horizon-days", "--k", "--min-buyers", "--products", "--promotions")
    assert told("recommenders", [*OF_PURCHASES, *more]).exit_code == 0
    assert told("forecasts", OF_SERIES).exit_code == 0
    bought, until, out = Path("bought.csv"), dt.date(2017, 10, 29), Path("judged")
    assert asked == [
        Asked(bought, until, out, 7, 5, 3, Path("products.csv"), Path("promotions.csv")),
        (Path("series.csv"), "D", 7, 14, (36, 40), out, ()),
    ]


def test_what_is_left_out_reaches_every_bench(asked: list[object]) -> None:
    left_out = ("--leave-out", "als", "--leave-out", "gbm")
    assert told("recommenders", OF_PURCHASES, *left_out).exit_code == 0
    assert told("forecasts", OF_SERIES, *left_out).exit_code == 0
    assert told("propensity", (*OF_LINES, "--task"), *DAYS, *left_out).exit_code == 0
    win = ("--task", "win", *DAYS)
    assert told("propensity", ("--opportunities", "--out"), *win, *left_out).exit_code == 0
    assert told("value", OF_LINES, *DAYS, *left_out).exit_code == 0
    assert told("segments", OF_LINES, *DAYS, *left_out).exit_code == 0
    found = [one[-1] if isinstance(one, tuple) else one.leave_out for one in asked]
    assert found == [("als", "gbm")] * 6


DAYS = ("--origins", "2017-10-29,2017-11-26")
OF_LINES = ("--transactions", "--out")


def test_what_is_told_reaches_the_benches_of_customers(
    asked: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ("--task", "--horizon-days", "--campaigns", "--recipients", "--coupons", "--redemptions")
    assert told("propensity", (*OF_LINES, *more), *DAYS).exit_code == 0
    assert told("value", OF_LINES, *DAYS).exit_code == 0
    shown: list[Path] = []
    monkeypatch.setattr(kinds, "show", shown.append)
    assert told("segments", OF_LINES, *DAYS).exit_code == 0
    lines, out = Path("lines.csv"), Path("judged")
    assert shown == [out]
    days = (dt.date(2017, 10, 29), dt.date(2017, 11, 26))
    files = [Path(f"{name}.csv") for name in ("campaigns", "recipients", "coupons", "redemptions")]
    assert asked == [
        Wanted(lines, "offer", days, out, 7, *files),
        value_files.Asked(lines, days, 56, out),
        segment_files.Asked(lines, days, out),
    ]


def test_wins_are_asked_of_opportunities_and_of_no_lines(asked: list[object]) -> None:
    of = ("--opportunities", "--out")
    win = ("--task", "win", *DAYS)
    assert told("propensity", of, *win).exit_code == 0
    assert told("propensity", (*of, "--horizon-days"), *win).exit_code == 0
    days = (dt.date(2017, 10, 29), dt.date(2017, 11, 26))
    out, rows = Path("judged"), Path("pipeline.csv")
    assert asked == [
        Wanted(None, "win", days, out, horizon, opportunities=rows) for horizon in (90, 7)
    ]
    missing = told("propensity", ("--out",), *win)
    assert "a bench of files needs --opportunities too" in missing.output
    refused = told("propensity", (*of, "--transactions"), *win)
    assert "of propensity --task win does not take --transactions; it takes" in refused.output
    refused = told("propensity", (*OF_LINES, "--task", "--opportunities"), *DAYS)
    assert "of propensity does not take --opportunities; it takes" in refused.output
    assert len(asked) == 2


def test_a_bench_of_customers_needs_days_and_nothing_of_others(asked: list[object]) -> None:
    found = told("propensity", (*OF_LINES, "--task", "--origins"))
    assert "give days with commas between, such as 2017-10-29,2017-11-26" in found.output
    assert "needs --task, --origins too" in told("propensity", OF_LINES).output
    assert "needs --transactions, --origins too" in told("segments", ("--out",)).output
    refused = told("segments", (*OF_LINES, "--task"), *DAYS)
    assert "of segments does not take --task; it takes --transactions" in refused.output
    assert not asked


def test_without_files_the_lake_is_judged(asked: list[object]) -> None:
    assert told("recommenders", ()).exit_code == 0
    lake = ("--cut", "2017-10-29", "--leave-out", "als")
    assert told("recommenders", (), *lake).exit_code == 0
    assert asked == [
        ("recommenders", None, ()),
        ("recommenders", dt.date(2017, 10, 29), ("als",)),
    ]
