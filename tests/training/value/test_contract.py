"""What every value model promises, on a small made-up company."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from jobs.training.family import NothingToJudge
from jobs.training.value import models
from jobs.training.value.gbm import Gbm, Params
from jobs.training.value.valuer import ANSWER, Valuer
from tests.training.value.cohort import HORIZON, after, company, days

WEEKS = 24  # of the fit; the company goes on
AS_OF = after(WEEKS)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return company()


@pytest.fixture(scope="module")
def fitted(rows: pd.DataFrame) -> Mapping[str, Valuer]:
    return {name: fit(name, rows) for name in models.MODELS}


def fit(name: str, rows: pd.DataFrame, as_of: dt.date = AS_OF, horizon: int = HORIZON) -> Valuer:
    of = models.model(name)
    return of(of.Params()).fit(rows, as_of, horizon)


every = pytest.mark.parametrize("name", list(models.MODELS))


@every
def test_every_account_with_an_order_has_an_answer(
    name: str, fitted: Mapping[str, Valuer], rows: pd.DataFrame
) -> None:
    found = fitted[name].predict(rows, AS_OF)
    seen = rows[rows["business_date"] <= pd.Timestamp(AS_OF)]
    assert list(found.columns) == ANSWER
    assert list(found["account_id"]) == sorted(seen["account_id"].unique())
    assert found.notna().all().all()
    assert (found["lo80"] >= 0).all()
    assert (found["lo80"] <= found["value_usd"]).all()
    assert (found["value_usd"] <= found["hi80"]).all()
    assert found["value_usd"].nunique() > 50


@every
def test_the_same_days_give_the_same_answer(
    name: str, fitted: Mapping[str, Valuer], rows: pd.DataFrame
) -> None:
    again = fit(name, rows.sample(frac=1, random_state=4))
    expected = fitted[name].predict(rows, AS_OF)
    assert_frame_equal(again.predict(rows, AS_OF), expected, check_exact=True)


@every
def test_nothing_after_the_day_changes_an_answer(
    name: str, fitted: Mapping[str, Valuer], rows: pd.DataFrame
) -> None:
    """Later rows, a late one of an early day, and one that corrects another later."""
    until = rows[rows["business_date"] <= pd.Timestamp(AS_OF)]
    late = days([("a000", 9, 9_999.0), ("stranger", 9, 9_999.0)])
    late["known_date"] = pd.Timestamp(AS_OF) + pd.Timedelta(days=1)
    corrected = until.copy()
    corrected.loc[corrected.index[:50], "superseded_date"] = late["known_date"].iloc[0]
    told = pd.concat([corrected, late])
    expected = fit(name, until).predict(until, AS_OF)
    assert_frame_equal(fit(name, told).predict(told, AS_OF), expected)
    assert_frame_equal(fitted[name].predict(rows, AS_OF), expected)


@every
def test_what_was_known_by_the_day_does_change_it(
    name: str, fitted: Mapping[str, Valuer], rows: pd.DataFrame
) -> None:
    more = pd.concat([rows, days([("a000", 7 * WEEKS - 1, 9_999.0)])])
    before = fitted[name].predict(rows, AS_OF).set_index("account_id")
    found = fitted[name].predict(more, AS_OF).set_index("account_id")
    assert found.loc["a000", "value_usd"] > before.loc["a000", "value_usd"] + 50


@every
def test_who_came_after_the_fit_or_bought_once_has_an_answer(
    name: str, fitted: Mapping[str, Valuer], rows: pd.DataFrame
) -> None:
    more = pd.concat([rows, days([("new", 7 * (WEEKS + 2) - 9, 20.0)])])
    found = fitted[name].predict(more, after(WEEKS + 2)).set_index("account_id")
    assert 0 <= found.loc["new", "value_usd"] < 200
    assert found.loc["new"].notna().all()


@every
def test_a_saved_model_answers_the_same(
    name: str, fitted: Mapping[str, Valuer], rows: pd.DataFrame, tmp_path: Path
) -> None:
    fitted[name].save(tmp_path)
    loaded = models.model(name).load(tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.suffix not in (".json", ".txt")]
    for weeks in (WEEKS, WEEKS + 2):
        expected = fitted[name].predict(rows, after(weeks))
        assert_frame_equal(loaded.predict(rows, after(weeks)), expected)


@every
def test_a_short_history_has_a_value_without_an_interval(name: str) -> None:
    rows = days([("a", 0, 10.0), ("b", 1, 20.0), ("b", 5, 20.0)])
    found = fit(name, rows, after(1)).predict(rows, after(1))
    assert found["value_usd"].between(0, 500).all()
    assert found[["lo80", "hi80"]].isna().all().all()


@every
def test_returns_make_no_value_below_nothing(name: str, rows: pd.DataFrame) -> None:
    back = days([("a000", 7 * WEEKS - 3, -9_999.0)])
    found = fit(name, pd.concat([rows, back])).predict(pd.concat([rows, back]), AS_OF)
    assert (found["value_usd"] >= 0).all()


@every
def test_without_an_order_it_is_told(name: str, rows: pd.DataFrame) -> None:
    for nothing in (rows.head(0), days([("a", 0, 0.0)])):
        with pytest.raises(NothingToJudge, match="give account days of before, or a later date"):
            fit(name, nothing)


@every
def test_a_horizon_of_no_day_is_told(name: str, rows: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="horizon_days 0: take 1 or more"):
        fit(name, rows, horizon=0)


def test_values_by_hand() -> None:
    """Forty weeks of 10 USD, then four of 40: what each model makes of it."""
    rows = days([("a", 7 * week, 10.0 if week < 40 else 40.0) for week in range(44)])
    as_of = after(44)
    found = {
        name: fit(name, rows, as_of).predict(rows, as_of)["value_usd"].iloc[0]
        for name in ("last_period", "rate")
    }
    assert found["last_period"] == 160
    assert found["rate"] == pytest.approx((8 * 10 + 4 * 40) / 84 * 28)


def test_the_learnt_model_sees_what_a_rate_cannot() -> None:
    """Made up: accounts buy four weeks in a row, then not for four: nobody goes on as before."""
    rows = []
    for n in range(80):
        for week in range(60):
            if (week + 4 * (n % 2)) // 4 % 2 == 0:
                rows.append((f"a{n:02}", 7 * week + n % 7, 10.0 + n % 3))
    table, as_of = days(rows), after(48)
    truth = days(rows).loc[lambda r: r["business_date"] > pd.Timestamp(as_of)]
    window = truth[truth["business_date"] <= pd.Timestamp(as_of) + pd.Timedelta(days=HORIZON)]
    actual = window.groupby(window["account_id"].astype(str))["sales_usd"].sum()

    def missed(name: str) -> float:
        found = fit(name, table, as_of).predict(table, as_of).set_index("account_id")["value_usd"]
        return float((actual.reindex(found.index).fillna(0.0) - found).abs().mean())

    assert missed("gbm") < 0.75 * missed("fading")


def test_some_accounts_teach_the_learnt_model_about_all(rows: pd.DataFrame) -> None:
    params = Params(accounts=40, rounds=20, smallest=10)
    found, again = (
        Gbm(params).fit(told, AS_OF, HORIZON).predict(rows, AS_OF)
        for told in (rows, rows.sample(frac=1, random_state=2))
    )
    of_all = fit("gbm", rows).predict(rows, AS_OF)
    assert list(found["account_id"]) == list(of_all["account_id"])
    assert_frame_equal(found, again, check_exact=True)
    other = Gbm(replace(params, seed=1)).fit(rows, AS_OF, HORIZON).predict(rows, AS_OF)
    assert not np.allclose(found["value_usd"], other["value_usd"])


def test_an_unknown_model_is_told() -> None:
    with pytest.raises(KeyError, match="no value model 'oracle'; there are: last_period, rate"):
        models.model("oracle")
