"""Who comes still and spends much less: when that has happened, and what is known before."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from jobs.training import given, transactions
from jobs.training.propensity import models, reasons
from jobs.training.propensity.asking import Asking
from jobs.training.propensity.churn import Churn
from jobs.training.propensity.panel import panel
from jobs.training.propensity.reasons import BadReasons
from jobs.training.propensity.scorer import scorer
from jobs.training.propensity.soft_churn import SoftChurn
from tests.training.propensity import shoppers
from tests.training.propensity.shoppers import ORIGIN

SUNDAY = dt.date(2017, 6, 25)


def spent(rows: list[tuple[str, str, float]]) -> pd.DataFrame:
    """account, day, USD; each one order, known on its own day."""
    found = pd.DataFrame(rows, columns=["account_id", "business_date", "sales_usd"])
    found["business_date"] = pd.to_datetime(found["business_date"])
    found = found.assign(orders=1, products=1.0, discount_usd=0.0, coupon_usd=0.0)
    return given.dated(found.astype({"account_id": "category"}), found["business_date"])


def weekly(name: str, usd: float = 10.0, weeks: int = 12) -> list[tuple[str, str, float]]:
    """Every Monday up to the origin."""
    return [
        (name, f"{pd.Timestamp(SUNDAY) - pd.Timedelta(days=6 + 7 * n):%Y-%m-%d}", usd)
        for n in range(weeks)
    ]


def labels(of: Churn, origin: dt.date = SUNDAY) -> dict[str, int]:
    asked = of.asked(origin)
    assert asked.label is not None
    return dict(zip(asked.ids, asked.label, strict=True))


def test_less_than_half_of_the_usual_is_much_less_and_nothing_is_churn():
    # 120 USD in twelve weeks: 40 are usual in four
    rows = [row for name in ("less", "half", "gone", "late") for row in weekly(name)]
    rows += [("less", "2017-07-01", 10), ("less", "2017-07-23", 9), ("half", "2017-07-01", 20)]
    rows += [("late", "2017-07-24", 10)]  # a day after the horizon
    days = spent(rows)
    assert labels(SoftChurn(days)) == {"less": 1, "half": 0, "gone": 0, "late": 0}
    assert labels(Churn(days)) == {"less": 0, "half": 0, "gone": 1, "late": 1}


def test_what_was_spent_long_ago_is_not_usual():
    rows = [*weekly("less"), ("less", "2017-03-01", 9000.0), ("less", "2017-07-01", 21)]
    rows += [("less", "2017-07-24", 1)]
    assert labels(SoftChurn(spent(rows))) == {"less": 0}


def test_usual_of_a_new_account_is_of_the_days_since_its_first_order():
    # 60 USD in 42 days: 40 in four weeks; two orders on two days are no rate of a day
    rows = [*weekly("new", weeks=6), ("newest", "2017-06-24", 30), ("newest", "2017-06-25", 30)]
    of = SoftChurn(spent(rows + weekly("old")))
    # the first Monday was 41 days before the origin: its day counts too
    assert of.usual(np.array(["new", "newest"]), SUNDAY).tolist() == pytest.approx([40, 60])


def test_a_label_is_what_was_known_when_it_is_learnt_from():
    rows = weekly("a") + weekly("b") + [("a", "2017-07-01", 10), ("a", "2017-07-02", 30)]
    days = spent([*rows, ("b", "2017-07-24", 1)])
    days.loc[days["sales_usd"] == 30, "known_date"] = pd.Timestamp("2017-08-01")
    of = SoftChurn(days)
    asked = of.asked(SUNDAY)
    over = SUNDAY + dt.timedelta(days=28)
    assert labels(of)["a"] == 0
    assert of.came(asked, SUNDAY, over).tolist() == [1, 0]
    assert of.came(asked, SUNDAY, over - dt.timedelta(days=1)) is None


def test_spend_that_dropped_before_worked_by_hand():
    # sixteen weeks at 10 USD, of which the last four have one of 15: 15 of 40 is less than half
    rows = [row for row in weekly("a", weeks=16) if row[1] < "2017-05-29"]
    told = SoftChurn(spent([*rows, ("a", "2017-06-20", 15)]))
    found = told.features(panel(told.days, SUNDAY)).iloc[0]
    assert found["spend_4_of_12_weeks"] == pytest.approx(15 / 95)
    # stretches of four weeks after twelve that are told: one, and it dropped
    assert found["spend_dropped_share"] == pytest.approx(2 / 6)


@pytest.fixture(scope="module")
def soft(tmp_path_factory) -> SoftChurn:
    folder = tmp_path_factory.mktemp("shop")
    paths = shoppers.written(folder, {"transactions": shoppers.lines()})
    return SoftChurn(transactions.days(paths["transactions"]))


def test_nothing_after_an_origin_is_looked_at(soft):
    then = soft.days[soft.days["business_date"] <= pd.Timestamp(ORIGIN)]
    whole, alone = soft.asked(ORIGIN), SoftChurn(then).asked(ORIGIN)
    pd.testing.assert_frame_equal(whole.rows.features, alone.rows.features)
    assert alone.label is None
    learnt, again = soft.examples(ORIGIN), SoftChurn(then).examples(ORIGIN)
    assert np.array_equal(learnt.label, again.label)


def test_every_feature_may_be_used_and_a_planted_one_is_refused(soft, monkeypatch):
    known = list(soft.asked(ORIGIN).rows.features)
    assert not reasons.themes(known, reasons.read("soft_churn")).isna().any()
    real = SoftChurn.features

    def planted(self, known):
        return real(self, known).assign(next_4_weeks_usd=1.0)

    monkeypatch.setattr(SoftChurn, "features", planted)
    with pytest.raises(BadReasons, match="next_4_weeks_usd: in no theme, so no model may use it"):
        scorer("logistic")(scorer("logistic").Params()).fit(SoftChurn(soft.days), ORIGIN)


def test_calibration_keeps_the_order(soft):
    [configuration] = [c for c in models.configurations(soft.baseline) if c.model == "logistic"]
    answer, chance = Asking(soft, configuration).chances(ORIGIN)
    assert answer.by.calibration.slope != 1
    assert (np.diff(chance[np.argsort(answer.margin)]) >= 0).all()
    assert ((chance > 0) & (chance < 1)).all()
