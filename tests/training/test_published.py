"""The bench on the public panel, held against what others published on the same protocol.

The Complete Journey as its package ships it, without the lake: what is checked is the models and
the judging, by themselves (15 s of CPU). docs/models.md has the whole table.
"""

import datetime as dt

import duckdb
import pandas as pd
import pytest

from infra.bench.households import households
from infra.bench.panel import LINES
from jobs.training.family import Data
from jobs.training.forecasts.protocol import WEEKLY, Forecasts
from jobs.training.given import dated
from jobs.training.recommenders import protocol

LAST_OF_TRAINING = dt.date(2017, 10, 29)  # Sunday of week 44
WEEKS = Forecasts("forecasts", WEEKLY)


@pytest.fixture(scope="module")
def window() -> protocol.Window:
    """Weeks 45 to 48 after weeks 1 to 44."""
    data = households()
    assert data.frames["interactions"]["orders"].sum() == 1_439_099  # lines
    return protocol.window(data, LAST_OF_TRAINING)


def test_the_window_is_the_published_one(window: protocol.Window) -> None:
    assert len(window.catalogue) == 8_924
    judged = {task: truth["account_id"].nunique() for task, truth in window.truth.items()}
    assert judged == {"any": 1_969, "new": 1_933}


@pytest.mark.parametrize(
    ("model", "params", "published"),
    [
        ("popular", {"weeks": 52, "counts": "orders"}, {"any": 0.1784}),
        ("popular", {}, {"any": 0.1784, "new": 0.0363}),
        ("repeat", {"half_life_weeks": None}, {"any": 0.3798}),
        ("als", {"factors": 48}, {"any": 0.2415, "new": 0.0506}),
    ],
)
def test_a_recommender_is_as_good_as_published(
    window: protocol.Window, model: str, params: dict[str, object], published: dict[str, float]
) -> None:
    configuration = protocol.FAMILY.configuration(model, **params)
    judged = protocol.FAMILY.judge(window, configuration)
    found = {one.task: one.per_subject["ndcg_at_10"].mean() for one in judged}
    assert not {task: found[task] for task in published if found[task] < published[task] - 0.004}


@pytest.fixture(scope="module")
def weeks() -> Data:
    """The complete weeks, 2 to 52, of every department: all lines count."""
    sums = f"""
        select department as series_id, date_trunc('week', bought_at) as ds, sum(sales_value) as y
        from ({LINES}) where ds between '2017-01-02' and '2017-12-18' group by all
    """
    sold = duckdb.sql(sums).df().pivot(index="series_id", columns="ds", values="y").fillna(0.0)
    rows = sold.stack().rename("y").reset_index().assign(is_complete=True, holiday_days=0.0)
    return Data(
        {"series": dated(rows, rows["ds"] + pd.Timedelta(days=6))}, (), dt.date(2017, 12, 24)
    )


def test_the_naive_forecast_has_the_published_error(weeks: Data) -> None:
    """MASE, a plain average over 15 departments and the origins 36, 40, 44 and 47."""
    windows = WEEKS.windows(weeks, WEEKS.cut(weeks))
    found = [WEEKS.judge(w, WEEKS.baseline)[0].per_subject["mase"] for w in windows.values()]
    assert [len(of_split) for of_split in found] == [15, 15]
    assert sum(of_split.mean() for of_split in found) / 2 == pytest.approx(1.153, abs=0.0005)
