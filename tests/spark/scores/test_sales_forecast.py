import datetime as dt

import pytest

SUNDAY = dt.date(2017, 3, 5)


def answer(p10=80.0, p50=90.0, p90=100.0, as_of=SUNDAY, horizon=1, **told):
    return {
        "series_id": "DELI",
        "grain": "week",
        "as_of_date": as_of,
        "ds": as_of + dt.timedelta(days=7 * horizon - 6),
        "horizon": horizon,
        "p10": p10,
        "p50": p50,
        "p90": p90,
        **told,
    }


@pytest.fixture
def scores(rows, made):
    def build(*answers):
        found = made("scores.sales_forecast", rows("bronze.sales_forecasts", *answers))
        return {(row.series_id, row.grain, row.as_of_date, row.horizon): row for row in found}

    return build


@pytest.mark.parametrize(
    ("p10", "p90", "grade", "codes"),
    [
        (80.0, 100.0, "A", ["narrow_range"]),
        (50.0, 100.0, "C", []),
        (10.0, 100.0, "E", ["wide_range"]),
        (-5.0, 100.0, "E", ["wide_range"]),
        (0.0, 0.0, "E", []),  # nothing expected: no share can be told
    ],
)
def test_the_grade_says_how_close_the_bounds_lie(scores, p10, p90, grade, codes):
    row = scores(answer(p10=p10, p90=p90))["DELI", "week", SUNDAY, 1]
    assert row.grade == grade
    assert [reason.code for reason in row.reasons] == codes
    assert (row.score, row.trend) == (row.p50, "new")


def test_the_trend_is_of_the_whole_horizon_against_the_forecast_before(scores):
    before = SUNDAY - dt.timedelta(days=7)
    found = scores(
        answer(as_of=before, p50=100.0),
        answer(as_of=before, horizon=2, p50=100.0),
        answer(p50=90.0),
        answer(horizon=2, p50=130.0),  # 220 against 200
        answer(as_of=before, grain="day", p50=100.0),
        answer(grain="day", p50=104.0),
    )
    assert found["DELI", "week", SUNDAY, 1].trend == "improving"
    assert found["DELI", "day", SUNDAY, 1].trend == "steady"
    codes = [reason.code for reason in found["DELI", "week", SUNDAY, 2].reasons]
    assert "higher_than_before" in codes


def test_a_forecast_of_zero_has_no_trend(scores):
    before = SUNDAY - dt.timedelta(days=7)
    found = scores(answer(as_of=before, p50=0.0), answer())
    assert found["DELI", "week", SUNDAY, 1].trend == "new"


def test_the_newest_drop_of_a_date_counts_as_a_whole(scores):
    first = dt.datetime(2017, 3, 6, 5)
    found = scores(
        answer(_known_at=first, p50=1.0),
        answer(_known_at=first, horizon=2),
        answer(_known_at=first + dt.timedelta(hours=3), p50=2.0),
    )
    assert [row.p50 for row in found.values()] == [2.0]


def test_no_answers_make_no_scores(scores):
    assert scores() == {}


GOOD = {"grade": "A", "trend": "new", "p10": 1.0, "p50": 2.0, "p90": 3.0}


def test_rules_hold_for_a_good_forecast_and_for_none(broken):
    assert broken("scores.sales_forecast", GOOD, {**GOOD, "grain": "day"}) == set()
    assert broken("scores.sales_forecast") == set()


def test_bounds_out_of_order_and_what_breaks_the_score_contract_are_not_written(broken):
    expired = {"valid_until": SUNDAY - dt.timedelta(days=1)}
    bad = {"p10": 3.0, "p90": 1.0, "horizon": 0, "grade": "F", "trend": "up", **expired}
    assert broken("scores.sales_forecast", {**GOOD, **bad}) == {
        "median_below_p10",
        "median_above_p90",
        "no_such_step",
        "no_such_grade",
        "no_such_trend",
        "expired_when_made",
    }
