"""Arms that were drawn by chance are compared as they were drawn, and too little is called so."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from jobs import lake
from jobs.delivery import holdout
from jobs.delivery.holdout import HELD, TREATED
from jobs.delivery.lift import SALES, NoExperiment, measure, sentence
from jobs.settings import settings
from jobs.training.uplift import means

STARTS, ENDS = dt.date(2017, 10, 1), dt.date(2017, 11, 30)
UNTIL = dt.date(2017, 11, 9)  # after 40 days
EFFECT = 8.0  # USD, of synthetic customers


@pytest.fixture
def experiment(state: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    path = state / "experiments.yaml"
    path.write_text(f"x: {{salt: s, share: 0.5, starts: {STARTS}, ends: {ENDS}}}\n")
    monkeypatch.setenv("CRM_EXPERIMENTS", str(path))
    settings.cache_clear()
    return "x"


def sold(rows: list[tuple[str, dt.date, float]]) -> None:
    ids, days, usd = zip(*rows, strict=True)
    amounts = pa.array(np.round(usd, 2).astype(str)).cast(pa.decimal128(12, 2))
    data = {"account_id": ids, "business_date": pa.array(days), "sales_usd": amounts}
    write_deltalake(lake.location(SALES), pa.table(data), mode="append")


def company(accounts: int, effect: float = EFFECT) -> dict[str, str]:
    """Customers with two days of sales before and after; the last one never buys anything."""
    chance = np.random.default_rng(0)
    names = [f"synthetic {n:04}" for n in range(accounts)]
    arms = {name: TREATED if n % 2 else HELD for n, name in enumerate(names)}
    rows = [("somebody else", ENDS, 1.0)]
    for name in names[:-1]:
        usual = chance.gamma(2, 20)
        gain = effect if arms[name] == TREATED else 0.0
        rows += [
            (name, STARTS - dt.timedelta(days=2), usual + chance.normal()),
            (name, STARTS, (usual + gain) / 2 + chance.normal()),
            (name, UNTIL, (usual + gain) / 2),
            # neither is of the days that count
            (name, UNTIL + dt.timedelta(days=1), 500.0 * (arms[name] == TREATED)),
            (name, STARTS - dt.timedelta(days=41), 900.0 * (arms[name] == TREATED)),
        ]
    sold(rows)
    holdout.note("x", arms)
    return arms


def kept() -> list[dict[str, object]]:
    return lake.read("ops.lift").to_pylist()


def test_a_planted_lift_is_found_and_kept_once_per_last_day(experiment: str) -> None:
    company(600)
    found = measure(experiment, UNTIL)
    assert (found.outcome, found.treated, found.held) == ("measured", 300, 300)
    assert found.lift_usd_low < EFFECT < found.lift_usd_high
    assert found.lift_usd_low > 0
    # customers differ by 28 USD, which the time before explains: else nothing could be told
    assert found.lift_usd_high - found.lift_usd_low < 3
    assert found.explained_share > 0.9
    assert measure(experiment, UNTIL) == found
    measure(experiment, UNTIL - dt.timedelta(days=1))
    assert sorted(str(row["until_date"]) for row in kept()) == ["2017-11-08", "2017-11-09"]
    assert "300 customers treated, 300 held out" in sentence(found)


def test_who_bought_nothing_counts(experiment: str) -> None:
    holdout.note("x", {f"synthetic {n}": TREATED if n < 100 else HELD for n in range(200)})
    sold([("synthetic 0", UNTIL, 50.0), ("synthetic 100", ENDS, 7.0)])
    found = measure(experiment, UNTIL)
    assert (found.outcome, found.treated_usd, found.held_usd) == ("measured", 0.5, 0.0)


def test_without_an_effect_nothing_is_claimed(experiment: str) -> None:
    company(600, effect=0.0)
    found = measure(experiment, UNTIL)
    assert found.lift_usd_low < 0 < found.lift_usd_high
    assert found.reason == "the interval holds 0: nothing can be claimed"


def test_contaminated_customers_are_left_out(experiment: str) -> None:
    company(600)
    rows = lake.read("ops.crm_holdout").to_pylist()
    mixed = [row | {"contaminated_at": row["seen_at"]} for row in rows[:10]]
    of = lake.one_of("account_id", [row["account_id"] for row in mixed])
    lake.replace(holdout.log_of(holdout.NAME), mixed, of)
    found = measure(experiment, UNTIL)
    assert (found.treated, found.held, found.contaminated) == (295, 295, 10)


def test_too_early_and_too_few_are_outcomes(experiment: str) -> None:
    company(150)
    early = measure(experiment, STARTS + dt.timedelta(days=26))
    assert (early.outcome, early.reason) == ("too early", "27 days have passed, at least 28 must")
    few = measure(experiment, UNTIL)
    assert few.outcome == "too few"
    assert few.reason == "75 treated and 75 held customers, at least 100 must be"
    assert {row["outcome"] for row in kept()} == {"too early", "too few"}
    assert all(row["lift_usd"] is None for row in kept())


def test_sales_that_are_not_known_yet_are_waited_for(experiment: str) -> None:
    holdout.note("x", {"a": HELD})
    sold([("a", UNTIL - dt.timedelta(days=1), 1.0)])
    found = measure(experiment, UNTIL)
    assert (found.outcome, found.reason) == ("too early", "sales are known up to 2017-11-08 only")


@pytest.mark.parametrize(("name", "day"), [("y", UNTIL), ("x", ENDS + dt.timedelta(days=1))])
def test_days_on_which_an_experiment_did_not_run_are_not_asked_of(
    experiment: str, name: str, day: dt.date
) -> None:
    with pytest.raises(NoExperiment, match=f"{name} does not run on {day}: .*its last day"):
        measure(name, day)


def test_what_the_time_before_tells_is_taken_off_by_hand() -> None:
    # theta = cov / var within the arms: before 0, 2 and 1, 3; after 10, 14 and 5, 9: theta 2
    ones, others = np.array([10.0, 14.0]), np.array([5.0, 9.0])
    found = means.steadied(ones, others, np.array([0.0, 2.0]), np.array([1.0, 3.0]))
    # mean of before: 1.5; 10 - 2 (0 - 1.5) = 13, and so on
    assert found.ones.tolist() == [13.0, 13.0]
    assert found.others.tolist() == [6.0, 6.0]
    assert found.share == 1.0
    alike = means.steadied(ones, others, np.zeros(2), np.zeros(2))
    assert (alike.ones.tolist(), alike.share) == ([10.0, 14.0], 0.0)


def test_welchs_interval_is_that_of_statistics() -> None:
    # difference 3 of 3 and 3 values with variance 1 each: t(4 degrees) at .975 is 2.7764
    found = means.difference(np.array([4.0, 5, 6]), np.array([1.0, 2, 3]))
    assert found.value == 3.0
    half = 2.7764 * np.sqrt(1 / 3 + 1 / 3)
    assert pd.Series([found.low, found.high]).round(3).tolist() == [
        round(3 - half, 3), round(3 + half, 3),
    ]  # fmt: skip
