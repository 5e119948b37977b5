"""Which opportunities will be won and when they close. Every pipeline here is synthetic."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from infra.bench import deals
from infra.bench import pipeline as generator
from jobs.training.given import BadFile
from jobs.training.propensity import (
    accuracy,
    closing,
    enough,
    files,
    models,
    pipeline,
    reasons,
)
from jobs.training.propensity.asking import Asking
from jobs.training.propensity.classifier import BASE
from jobs.training.propensity.closing import Closing
from jobs.training.propensity.gbm import Gbm
from jobs.training.propensity.task import NothingToAsk
from jobs.training.propensity.wanted import Wanted
from jobs.training.propensity.win import Win, closing_days
from jobs.training.propensity.win_features import Known, features

pytestmark = pytest.mark.usefixtures("one_store")

FAST = ("single_feature", "logistic", "gbm")
WEEK = 155
ORIGIN = deals.evening(WEEK)
HORIZON = 91
COLUMNS = ["opportunity_id", "changed_at", "stage", "status", "amount_usd", "expected_close_date"]


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Of the models the quick ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "MODELS", {name: models.MODELS[name] for name in FAST})
        yield


@pytest.fixture(scope="module")
def sold():
    """A synthetic pipeline, and the generator's own chances at ORIGIN."""
    rows, stood = deals.Company(weekly=20).run()
    return rows, deals.truth(stood[WEEK], WEEK, draws=500)


def written(folder: Path, rows: pd.DataFrame, name: str = "synthetic.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows.to_csv(folder / name, index=False)
    return folder / name


def known_by(rows: pd.DataFrame, origin: dt.date) -> pd.DataFrame:
    return rows[rows["changed_at"] < pipeline.evening(origin)]


def wanted(folder: Path, rows: pd.DataFrame) -> Wanted:
    given = written(folder / "given", rows)
    return Wanted(None, "win", (ORIGIN,), folder / "out", HORIZON, opportunities=given)


@pytest.fixture(scope="module")
def judged(one_store, quick, sold, tmp_path_factory):
    """A bench of the whole file."""
    asked = wanted(tmp_path_factory.mktemp("whole"), sold[0])
    return asked, files.bench(asked).to_pandas()


@pytest.fixture(scope="module")
def task(sold, tmp_path_factory) -> Win:
    return Win(pipeline.read(written(tmp_path_factory.mktemp("one"), sold[0])), HORIZON)


def read(asked: Wanted, name: str = "scores") -> pd.DataFrame:
    return pd.read_parquet(asked.out / f"{name}.parquet")


def test_the_planted_signal_is_learnt(judged, sold):
    """Of the way from the stage's win rate to the generator's own chances more than a third."""
    asked, table = judged
    told = table[table["window"] == "test"].set_index(["model", "metric"])["value"]
    best = str(table.loc[table["champion"], "model"].iloc[0])
    scores = read(asked)
    scores = scores[scores["champion"]].merge(sold[1], on="opportunity_id", suffixes=("", "_true"))
    assert len(scores) == len(sold[1])
    assert np.corrcoef(scores["p"], scores["p_true"])[0, 1] > 0.8
    ends = generator.judged(sold[1], sold[0]).iloc[0]
    way = told["single_feature", "log_loss"] - told[best, "log_loss"]
    assert way > 0.33 * (told["single_feature", "log_loss"] - ends["log_loss"]) > 0


def test_chances_are_right_on_average_over_ten_bins(judged, sold):
    asked, _ = judged
    scores = read(asked)
    scores = scores[scores["champion"]].merge(sold[1], on="opportunity_id", suffixes=("", "_true"))
    p, true = scores["p"].to_numpy(), scores["p_true"].to_numpy()
    off = accuracy.calibration_error(
        p, true
    ).mean()  # against chances: no luck of the labels is in it
    assert off < 0.03


def test_what_comes_after_an_origin_changes_no_score_and_no_closing(judged, sold, tmp_path):
    whole, table = judged
    sealed = wanted(tmp_path, known_by(sold[0], ORIGIN))
    alone = files.bench(sealed).to_pandas()
    for name in ("scores", "reasons", "closes"):
        pd.testing.assert_frame_equal(read(whole, name), read(sealed, name))
    assert set(table["window"]) == {"valid", "test"}
    assert set(alone["window"]) == {"valid"}


def test_what_is_written_is_called_by_the_opportunity(judged):
    asked, _ = judged
    scores, why, closes = read(asked), read(asked, "reasons"), read(asked, "closes")
    assert list(scores)[:2] == ["task", "opportunity_id"]
    assert next(iter(why)) == "opportunity_id"
    assert scores["p"].between(0, 1).all()
    assert scores.groupby("model")["opportunity_id"].nunique().nunique() == 1
    assert set(why["opportunity_id"]) <= set(scores["opportunity_id"])
    assert why["rank"].max() <= reasons.MOST
    assert set(closes["model"]) == {"stage", "hazard"}
    assert closes["close_days_lo"].le(closes["close_days"]).all()
    assert closes["close_days"].le(closes["close_days_hi"]).all()


def test_closings_are_held_by_their_interval_and_beat_the_salesperson(judged):
    asked, _ = judged
    table = read(asked, "close_leaderboard")
    told = table[table["window"] == "test"].set_index(["model", "metric"])["value"]
    assert 0.72 < told["hazard", "close_coverage"] < 0.88
    assert told["hazard", "close_error_days"] < told["as_told", "close_error_days"]


def test_reasons_sum_to_the_score(task):
    """Themes and the base are the whole of the log-odds, and every feature is in a theme."""
    learnt, asked = task.examples(ORIGIN), task.asked(ORIGIN)
    model = Gbm(Gbm.Params(trees=60)).fit(learnt)
    of = reasons.read("win")
    sums = reasons.pushes(model, asked.rows, of).sum(axis=1) + model.terms(asked.rows)[BASE]
    assert sums.to_numpy() == pytest.approx(model.margin(asked.rows), abs=1e-6)
    ways = reasons.directions(model, learnt.rows, of)
    told = reasons.strongest(model, asked.rows, ways, of)
    assert told["row"].nunique() > 0.9 * len(asked.ids)
    shown = told[told["code"].str.startswith("time_in_stage")].iloc[0]
    days = f"{asked.rows.features['stage_days'].iloc[shown['row']]:,.0f}"
    assert days in shown["en"]
    assert days in shown["zh"]


def test_a_label_is_won_by_the_evening_on_which_the_horizon_ends(tmp_path):
    rows = [
        ("won in time", "2024-01-01", "a", "open"),
        ("won in time", "2024-01-20", "a", "won"),
        ("won later", "2024-01-01", "a", "open"),
        ("won later", "2024-01-21", "a", "won"),
        ("lost", "2024-01-01", "a", "open"),
        ("lost", "2024-01-12", "a", "lost"),
        ("still open", "2024-01-01", "a", "open"),
        ("opened again", "2024-01-01", "a", "lost"),
        ("opened again", "2024-01-05", "a", "open"),
        ("ended before", "2024-01-01", "a", "open"),
        ("ended before", "2024-01-10", "a", "won"),
        ("not there yet", "2024-01-11", "a", "open"),
    ]
    of = pipeline.read(written(tmp_path, pd.DataFrame(rows, columns=COLUMNS[:4])))
    asked = Win(of, 10).asked(dt.date(2024, 1, 10))
    told = dict(zip(asked.ids, asked.label, strict=True))
    assert told == {
        "won in time": 1,
        "won later": 0,
        "lost": 0,
        "still open": 0,
        "opened again": 0,
    }
    # the file ends on the 21st: a horizon of twelve days is not over
    assert Win(of, 12).asked(dt.date(2024, 1, 10)).label is None
    places = np.flatnonzero(np.isin(of.ids, list(told)))
    seen = closing_days(of, places, dt.date(2024, 1, 10), dt.date(2024, 1, 20))
    ends = {of.ids[p]: (d, c) for p, d, c in zip(places, seen.days, seen.is_closed, strict=True)}
    assert ends["won in time"] == (10, True)
    assert ends["lost"] == (2, True)
    assert ends["won later"] == (10, False)  # as far as it was seen


def test_features_worked_by_hand(tmp_path):
    rows = [
        ("x", "2024-01-01 09:00", "a", "open", 100, "2024-02-01"),
        ("x", "2024-01-05 09:00", "b", "open", 100, "2024-02-01"),
        ("x", "2024-01-08 09:00", "b", "open", 100, "2024-02-01"),  # changes nothing
        ("x", "2024-01-09 09:00", "b", "open", 100, "2024-02-15"),
        ("x", "2024-01-11 09:00", "a", "open", 250, "2024-02-15"),
        ("y", "2024-01-01 09:00", "a", "open", 200, ""),
        ("y", "2024-01-03 09:00", "b", "open", 200, ""),
        ("y", "2024-01-07 09:00", "b", "won", 200, ""),
        ("z", "2024-01-14 09:00", "a", "open", "", ""),
    ]
    of = pipeline.read(written(tmp_path, pd.DataFrame(rows, columns=COLUMNS)))
    places, known = features(of, dt.date(2024, 1, 14))
    assert list(of.ids[places]) == ["x", "z"]
    x, z = known.features.iloc[0], known.features.iloc[1]
    assert (x["moves_forward"], x["moves_back"]) == (1, 1)
    assert (x["close_pushes"], x["close_pushed_days"], x["close_in_days"]) == (1, 14, 32)
    assert (x["amount_usd"], x["amount_changes"], x["amount_of_won_share"]) == (250, 1, 1)
    assert x["stage_days"] == pytest.approx(3 + 15 / 24)
    assert x["age_days"] == pytest.approx(13 + 15 / 24)
    assert (x["changes"], x["stage_place"]) == (3, 0)
    # all that ended was won, so it is drawn to 1
    assert x["stage_won_share"] == 1
    assert (z["close_is_known"], z["amount_is_known"]) == (0, 0)
    assert not known.features.isna().to_numpy().any()
    assert not {"owner_won_share", "source_won_share"} & set(known.features)


def test_shares_of_few_are_drawn_to_that_of_all(tmp_path):
    rows = [(f"o{n}", "2024-01-01", "a", "open", "good" if n < 2 else "bad") for n in range(12)]
    rows += [(f"o{n}", "2024-01-09", "a", "won" if n < 2 else "lost", "") for n in range(8)]
    frame = pd.DataFrame(rows, columns=[*COLUMNS[:4], "owner_id"])
    frame["owner_id"] = frame["owner_id"].replace("", None)
    frame["owner_id"] = frame.groupby("opportunity_id")["owner_id"].ffill()
    of = pipeline.read(written(tmp_path, frame))
    known = Known(of, dt.date(2024, 1, 10))
    assert known.won_share == 0.25
    _, told = features(of, dt.date(2024, 1, 10))
    # bad: none of 6, and ten times a quarter in 16
    assert told.features["owner_won_share"].iloc[0] == pytest.approx(2.5 / 16)


def closed(counts: dict[str, int], days: int = 5, start: str = "2023-06-01") -> pd.DataFrame:
    """Synthetic opportunities that were open for some days; and one that still is."""
    rows = []
    begin = pd.Timestamp(start)
    for status, count in counts.items():
        for n in range(count):
            rows.append((f"{status} {n}", begin, "a", "open"))
            rows.append((f"{status} {n}", begin + pd.Timedelta(days=days), "a", status))
    rows.append(("open", begin, "a", "open"))
    return pd.DataFrame(rows, columns=COLUMNS[:4])


ENOUGH = {"won": 40, "lost": 40}
NONE = ["40 more won (0 of 40)", "40 more lost (0 of 40)"]
LATER = dt.date(2024, 6, 1)


@pytest.mark.parametrize(
    ("rows", "origin", "said"),
    [
        (closed(ENOUGH), LATER, []),
        (closed({"won": 28, "lost": 40}), LATER, ["12 more won (28 of 40)"]),
        (closed({"won": 40, "lost": 39}), LATER, ["1 more lost (39 of 40)"]),
        (
            closed(ENOUGH, days=1),
            LATER,
            [
                "40 more won (0 of 40; 40 more were not seen open for 2 days)",
                "40 more lost (0 of 40; 40 more were not seen open for 2 days)",
            ],
        ),
        # closed more than 24 months before
        (closed(ENOUGH, start="2021-06-01"), LATER, NONE),
        (closed(ENOUGH), dt.date(2023, 7, 1), ["150 more days of history (30 of 180)"]),
        # closed on the day after: not known yet
        (
            closed(ENOUGH, days=30),
            dt.date(2023, 6, 30),
            [*NONE, "151 more days of history (29 of 180)"],
        ),
    ],
)
def test_what_is_too_little_is_named_with_how_much(tmp_path, rows, origin, said):
    assert enough.missing(pipeline.read(written(tmp_path, rows)), origin, 90) == said


def test_below_the_rule_nothing_is_scored(tmp_path):
    rows = closed({"won": 28, "lost": 10})
    given = written(tmp_path, rows)
    asked = Wanted(None, "win", (LATER,), tmp_path / "out", 90, opportunities=given)
    said = (
        r"2024-06-01: too little to score opportunities by. Missing: 12 more won \(28 of 40\);"
        r" 30 more lost \(10 of 40\). Those count .* go by the share that is won from each stage"
    )
    with pytest.raises(NothingToAsk, match=said):
        files.bench(asked)
    assert not (tmp_path / "out" / "scores.parquet").exists()


def test_nobody_open_and_a_file_that_ended_long_before_are_told(tmp_path):
    rows = closed(ENOUGH)
    of = pipeline.read(written(tmp_path, rows[rows["opportunity_id"] != "open"]))
    with pytest.raises(NothingToAsk, match="2023-06-20: no opportunity is open"):
        Win(of, 90).asked(dt.date(2023, 6, 20))
    with pytest.raises(NothingToAsk, match="newest change of the file is of 2023-06-06"):
        Win(of, 90).asked(dt.date(2023, 12, 1))


@pytest.mark.parametrize(
    "called",
    [
        {  # Salesforce: OpportunityHistory with its stage's flags
            "opportunity_id": "OpportunityId",
            "changed_at": "CreatedDate",
            "stage": "StageName",
            "amount_usd": "Amount",
            "expected_close_date": "CloseDate",
        },
        {"opportunity_id": "lead_id", "changed_at": "write_date", "stage": "stage_id"},  # Odoo
    ],
)
def test_exports_of_crms_are_read_alike(tmp_path, sold, called):
    rows = sold[0].iloc[:400]
    ours = pipeline.read(written(tmp_path, rows, "ours.csv"))
    theirs = rows.rename(columns=called)
    if "StageName" in theirs:
        theirs["IsClosed"] = theirs["status"] != "open"
        theirs["IsWon"] = theirs["status"] == "won"
    else:
        theirs["won_status"] = theirs["status"].replace("open", "pending")
    again = pipeline.read(written(tmp_path, theirs.drop(columns="status"), "theirs.csv"))
    assert list(again.ids) == list(ours.ids)
    assert again.tells == ours.tells
    pd.testing.assert_frame_equal(again.rows, ours.rows)


def test_a_row_a_day_says_the_same_as_a_row_a_change(tmp_path):
    rows = pd.DataFrame(
        [("x", f"2024-01-{day:02}", "a" if day < 9 else "b", "open") for day in range(1, 20)],
        columns=COLUMNS[:4],
    )
    of = pipeline.read(written(tmp_path, rows))
    assert list(of.rows["changed_at"].dt.day) == [1, 9]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"opportunity_id": "what"}, "column opportunity_id is missing; it has what"),
        ({"stage": "where"}, "column stage is missing"),
        ({"status": "how"}, r"column status \(open, won or lost\) is missing, or is_won and"),
        ({"status": "is_won"}, r"column status \(open, won or lost\) is missing"),
    ],
)
def test_a_file_that_lacks_a_column_is_told(tmp_path, change, said):
    rows = closed({"won": 2, "lost": 2}).rename(columns=change)
    with pytest.raises(BadFile, match=said):
        pipeline.read(written(tmp_path, rows))


def test_a_status_that_is_none_and_a_file_without_rows_are_told(tmp_path):
    rows = closed({"won": 2, "maybe": 2})
    with pytest.raises(
        BadFile, match="status 'maybe' of opportunity 'maybe 0' is neither open, won nor lost"
    ):
        pipeline.read(written(tmp_path, rows))
    flags = closed({"won": 1}).assign(is_closed="perhaps", is_won="false").drop(columns="status")
    with pytest.raises(BadFile, match="status 'perhaps and false'"):
        pipeline.read(written(tmp_path, flags))
    with pytest.raises(BadFile, match="has no row with an opportunity_id"):
        pipeline.read(written(tmp_path, rows.assign(changed_at="once")))


def test_wins_need_their_file(tmp_path):
    with pytest.raises(BadFile, match="--task win needs --opportunities"):
        files.bench(Wanted(None, "win", (ORIGIN,), tmp_path / "out"))
    with pytest.raises(BadFile, match="--task churn needs --transactions"):
        files.bench(Wanted(None, "churn", (ORIGIN,), tmp_path / "out"))


def test_a_life_that_was_seen_in_part_counts_in_part():
    who, span, label, seen = closing.spans(np.array([10, 10]), np.array([True, False]))
    assert list(who) == [0, 0, 1, 1]
    assert list(span) == [0, 1, 0, 1]
    assert list(label) == [0, 1, 0, 0]
    assert list(seen) == pytest.approx([1, 1, 1, 3 / 7])


def test_half_of_even_ends_are_gone_at_the_median():
    # a tenth ends in each span of seven days: ln(.5) / ln(.9) spans
    hazards = np.full((1, closing.SPANS), 0.1)
    spans = np.log(0.5) / np.log(0.9)
    told = closing.quantiles(hazards).iloc[0]
    assert told["close_days_lo"] == 7
    assert told["close_days"] == round(float(np.interp(spans, range(16), closing.EDGES)))
    never = closing.quantiles(np.full((1, closing.SPANS), 1e-6)).iloc[0]
    assert never["close_days"] == closing.EDGES[-1]


def test_those_still_open_are_learnt_from_and_not_taken_for_quick():
    """Ends at an even rate, of which the slow half was cut off at 20 days."""
    chance = np.random.default_rng(0)
    days = np.ceil(chance.exponential(40, 6_000)).astype(int)
    seen, is_closed = np.minimum(days, np.where(np.arange(6_000) % 2, 20, 700)), days <= 20
    is_closed = is_closed | (np.arange(6_000) % 2 == 0)
    rows = pd.DataFrame({"same": np.zeros(6_000, np.float32)})
    told = closing.quantiles(Closing().fit(rows, seen, is_closed).hazards(rows.iloc[:1])).iloc[0]
    assert told["close_days"] == pytest.approx(40 * np.log(2), rel=0.15)
    assert told["close_days_hi"] == pytest.approx(40 * np.log(10), rel=0.2)


def test_what_decides_the_pace_is_learnt():
    chance = np.random.default_rng(0)
    slow = chance.integers(0, 2, 2_000)
    days = np.ceil(chance.exponential(np.where(slow, 80, 10))).astype(int)
    rows = pd.DataFrame({"slow": slow, "noise": chance.normal(size=2_000)}, dtype=np.float32)
    hazards = Closing().fit(rows, days, np.full(2_000, True)).hazards(rows)
    told = closing.quantiles(hazards)["close_days"].groupby(slow).mean()
    assert told[0] == pytest.approx(10 * np.log(2), abs=3)
    assert told[1] == pytest.approx(80 * np.log(2), rel=0.2)
    blind = Closing(("noise",)).fit(rows, days, np.full(2_000, True)).hazards(rows)
    every = np.full(2_000, True)
    lost = [closing.log_loss(one, days, every).mean() for one in (hazards, blind)]
    assert lost[0] < lost[1] - 0.2


def test_a_model_is_put_right_by_the_window_before(task):
    [configuration] = [c for c in models.configurations(task.baseline) if c.model == "logistic"]
    answer, chance = Asking(task, configuration).chances(ORIGIN)
    assert answer.asked.label is not None
    assert task.before(ORIGIN) == ORIGIN - dt.timedelta(days=HORIZON)
    assert chance.mean() == pytest.approx(answer.asked.label.mean(), abs=0.08)


def test_what_wins_must_show_is_measured_from_the_stages_rate_to_the_truth():
    numbers = {"auc": 0.8, "calibration_error": 0.02, "calibration_slope": 1.0}
    numbers |= {"close_coverage": 0.8}
    losses = {"the truth": 0.30, "single_feature": 0.40, "gbm": 0.34}
    table = pd.DataFrame({model: {**numbers, "log_loss": loss} for model, loss in losses.items()}).T
    table.loc["hazard"] = table.loc["gbm"]
    assert [one.is_met for one in generator.found(table, "gbm")] == [True, None, None, True, True]
    table.loc["gbm", ["log_loss", "calibration_slope"]] = 0.36, 0.7
    table.loc["hazard", "close_coverage"] = 0.9
    first, *others = generator.found(table, "gbm")
    assert "40%: 0.3600; stage 0.4000, the truth 0.3000" in first.found
    assert [one.is_met for one in (first, *others)] == [False, None, None, False, False]


def test_the_generators_chances_are_what_happens():
    """Of synthetic opportunities as many are won as it says, and 80% end within its days."""
    rows, stood = deals.Company(weekly=60, seed=3).run()
    truths = pd.concat([deals.truth(one, week, 300) for week, one in stood.items()])
    told = generator.judged(truths.reset_index(drop=True), rows).iloc[0]
    assert told["calibration_slope"] == pytest.approx(1, abs=0.12)
    assert told["close_coverage"] == pytest.approx(0.8, abs=0.03)


def test_what_reads_weeks_is_not_asked_of_opportunities(task, monkeypatch):
    monkeypatch.setattr(models, "MODELS", {"gbm": Gbm, "sequence": models.Weeks})
    assert [c.model for c in models.configurations("x")] == ["gbm", "sequence"]
    assert [c.model for c in models.configurations("x", task.without)] == ["gbm"]
