"""What knows the future is found: in frames, in columns, in answers, in shuffled labels."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from jobs import lake
from jobs.table import FOREVER
from jobs.training import bench, probes, promote, shuffles, train
from jobs.training.family import Configuration, Data, Tabular
from jobs.training.forecasts.protocol import WEEKLY, Forecasts
from jobs.training.gate import Leakage
from jobs.training.recommenders import protocol
from jobs.training.recommenders.ranker import Params, Ranker
from jobs.training.rules import rules
from tests.training.company import interactions

CUT = dt.date(2017, 10, 29)
LIMITS = Leakage(auc=0.95, gain_share=0.6, shuffled_gain=0.1)
FEATURES = pd.DataFrame(
    {
        "account_id": ["a", "b", "c"],
        "orders": [1, 2, 3],
        "spend_usd": [1.5, None, 3.5],
        "band": pd.Categorical(["low", None, "high"]),
    }
)


def test_features_that_were_rebuilt_alike_do_not_differ():
    # in another order, with other categories, as another read of a table may have them
    again = FEATURES.iloc[::-1].assign(band=pd.Categorical(["high", None, "low"], ["low", "high"]))
    found = probes.difference(FEATURES, again, ["account_id"])
    assert (found.count, found.rows) == (0, 3)
    assert str(found) == "none of 3 rows differs"


def test_features_are_compared_row_by_row_and_column_by_column():
    # b's spend is null in one only, c is missing, d is new
    other = FEATURES.assign(spend_usd=[1.5, 2.5, 3.5], orders=[1, 2, 9])
    other = other.assign(account_id=["a", "b", "d"])
    found = probes.difference(FEATURES, other, ["account_id"])
    assert (found.missing, found.added, found.changed) == (1, 1, {"spend_usd": 1})
    assert found.count == 3
    assert "spend_usd in 1" in str(found)


def test_a_planted_future_column_makes_rebuilt_features_differ():
    now = FEATURES.assign(orders_next_week=[0, 1, 1])
    cut = FEATURES.assign(orders_next_week=[0, 0, 0])  # nothing is known of next week at the cut
    assert probes.difference(now, cut, ["account_id"]).changed == {"orders_next_week": 2}


def test_frames_of_other_columns_and_rows_with_one_key_are_said():
    with pytest.raises(ValueError, match="not the same columns: orders"):
        probes.difference(FEATURES, FEATURES.drop(columns="orders"), ["account_id"])
    with pytest.raises(ValueError, match="unique"):
        probes.difference(pd.concat([FEATURES, FEATURES]), FEATURES, ["account_id"])


def test_numbers_may_differ_by_the_tolerance():
    near = FEATURES.assign(spend_usd=[1.5001, None, 3.5])
    assert probes.difference(FEATURES, near, ["account_id"]).count == 1
    assert probes.difference(FEATURES, near, ["account_id"], 0.002).count == 0


def test_a_single_columns_auc_is_the_share_of_pairs_that_it_puts_in_order():
    label = pd.Series([0, 0, 1, 1])
    features = pd.DataFrame({"up": [1, 3, 2, 4], "down": [4, 2, 3, 1], "null": [None, None, 1, 2]})
    # by hand: of 2 x 2 pairs up orders three; down the same three, the other way round
    assert probes.column_aucs(features, label).to_dict() == {"up": 0.75, "down": 0.75, "null": 1.0}


def test_words_are_judged_on_rows_that_they_were_not_ranked_by():
    chance = np.random.default_rng(0)
    label = pd.Series(chance.integers(0, 2, 2_000))
    told = pd.DataFrame(
        {
            "id": [f"account {n}" for n in range(2_000)],  # tells all apart, and nothing
            "word": np.where(label == 1, "left", "stayed"),
        }
    )
    found = probes.column_aucs(told, label)
    assert found["id"] == pytest.approx(0.5, abs=0.05)
    assert found["word"] == 1.0


def test_a_column_that_knows_the_label_is_refused_and_a_good_one_is_not():
    chance = np.random.default_rng(0)
    label = pd.Series(chance.integers(0, 2, 1_000))
    good = label + chance.normal(size=1_000)
    features = pd.DataFrame({"good": good, "planted": label + chance.normal(size=1_000) / 10})
    found = probes.single_columns(features, label, LIMITS.auc)
    assert (found.outcome, found.limit_high) == ("refused", 0.95)
    assert found.reason.startswith("column planted alone tells the label with AUC 1.000")
    assert probes.single_columns(features[["good"]], label, LIMITS.auc).outcome == "passed"


def test_a_label_that_is_a_number_is_cut_at_its_median():
    label = pd.Series(range(100), dtype=float)
    features = pd.DataFrame({"same": label, "unlike": label % 2})
    assert probes.column_aucs(features, label).round(2).to_dict() == {"same": 1.0, "unlike": 0.5}


def test_a_column_that_brings_most_of_the_gain_is_refused():
    found = probes.gain_share({"recency": 30.0, "planted": 70.0}, LIMITS.gain_share)
    assert (found.outcome, found.value) == ("refused", 0.7)
    assert probes.gain_share({"a": 1.0, "b": 1.0}, LIMITS.gain_share).outcome == "passed"
    assert probes.gain_share({}, LIMITS.gain_share).outcome == "does not apply"


def dated(frame: pd.DataFrame) -> pd.DataFrame:
    dates = ["business_date", "known_date", "superseded_date"]
    return frame.astype(dict.fromkeys(dates, "datetime64[s]"))


def test_accounts_swap_their_pasts_whole_and_keep_what_follows():
    before = dated(interactions())
    after = shuffles.accounts_permuted(before, CUT)

    def baskets(frame: pd.DataFrame) -> pd.Series:
        past = frame[frame["business_date"] <= pd.Timestamp(CUT)]
        past = past.sort_values(["business_date", "product_id"])
        return past.groupby("account_id", observed=True)["product_id"].agg(tuple)

    assert sorted(baskets(before)) == sorted(baskets(after))
    same = sum(baskets(before)[name] == baskets(after)[name] for name in baskets(before).index)
    assert same < 5
    columns = ["account_id", "product_id", "business_date"]
    later = [
        f[f["business_date"] > pd.Timestamp(CUT)][columns].astype(str) for f in (before, after)
    ]
    pd.testing.assert_frame_equal(*(f.sort_values(columns, ignore_index=True) for f in later))


def weekly(levels: dict[str, list[float]]) -> pd.DataFrame:
    """Series that begin on Monday 2017-08-28, each week known by its Sunday."""
    rows = []
    for series_id, values in levels.items():
        for n, y in enumerate(values):
            monday = pd.Timestamp(2017, 8, 28) + pd.Timedelta(weeks=n)
            rows.append((series_id, monday, float(y), monday + pd.Timedelta(days=6)))
    frame = pd.DataFrame(rows, columns=["series_id", "ds", "y", "known_date"])
    return frame.assign(superseded_date=pd.Timestamp(FOREVER).as_unit("s"), is_complete=True)


def test_steps_change_places_in_the_past_only():
    before = weekly({"a": list(range(12)), "b": list(range(100, 112))})
    after = shuffles.steps_permuted(before, CUT)
    for name, values in after.groupby("series_id"):
        values = values.sort_values("ds")["y"].tolist()
        whole = before.loc[before["series_id"] == name, "y"].tolist()
        assert values[:9] != whole[:9]
        assert sorted(values[:9]) == whole[:9]
        assert values[9:] == whole[9:]


def test_the_mean_of_the_history_is_scaled_by_its_own_steps():
    series = weekly({"a": [1, 3, 1, 3, 1, 3, 1, 3, 2, 4, 4, 4, 4]})
    window = protocol_window(series)
    # by hand: history 1,3,1,3,1,3,1,3,2 has the mean 2, its steps are 7 x 2 and 1: 15 / 8
    found = shuffles.mean_of_history(window, Forecasts("forecasts", WEEKLY))
    assert found["a"] == pytest.approx(2 / (15 / 8))


def protocol_window(series: pd.DataFrame):
    class Window:
        pass

    window = Window()
    window.series, window.origins = series, (CUT,)
    return window


def values(*told: float) -> pd.Series:
    return pd.Series(list(told) * 50)


def test_what_is_left_without_labels_is_told_as_a_share_of_the_gain():
    by = rules("recommenders")
    # better than chance by .02 for each account, of a true gain of .1
    found = shuffles.shuffled_labels(values(0.12, 0.22), values(0.1, 0.2), 0.1, by, 0.1, "chance")
    assert found.value == pytest.approx(0.2)
    assert found.outcome == "refused"
    assert "20% of its true gain, at most 10%" in found.reason
    noise = shuffles.shuffled_labels(values(0.3, 0.0), values(0.1, 0.2), 0.1, by, 0.1, "chance")
    assert noise.outcome == "passed"
    little = shuffles.shuffled_labels(
        values(0.105, 0.205), values(0.1, 0.2), 0.1, by, 0.1, "chance"
    )
    assert (little.outcome, round(little.value, 2)) == ("passed", 0.05)


@pytest.mark.parametrize("knows", [True, False])
def test_chances_that_are_far_too_sure_hide_nothing(knows):
    chance = np.random.default_rng(0)
    happened = chance.random(4000) < 0.3
    signal = happened if knows else chance.permutation(happened)
    margin = 8 * (signal + chance.normal(0, 1, 4000)) - 4  # right in its order, ten times too sure
    told = pd.DataFrame({"account_id": range(4000), "happened": happened.astype(int)})
    told["chance"] = 1 / (1 + np.exp(-margin))
    raw = -np.log(np.where(happened, told["chance"], 1 - told["chance"]).clip(1e-12))
    values, everybody = shuffles.put_right(told)
    assert raw.mean() > everybody.mean(), "by itself it is worse than one chance for everybody"
    found = shuffles.shuffled_labels(values, everybody, -0.1, rules("churn"), 0.1, "chance")
    assert found.outcome == ("refused" if knows else "passed")


class MeasuredByThePast:
    """What happens is measured by what was there before, as less than half of the usual is."""

    name, baseline = "measured", None

    def outcomes(self, data, configuration, cut):
        past = data.frames["days"].set_index("account_id")["sales_usd"].sort_index()
        told = {"chance": past.to_numpy(), "happened": (past > 0.5).to_numpy(int)}
        return pd.DataFrame({"account_id": past.index, **told, "is_acted_on": True})

    def happened(self, data, cut):
        return self.outcomes(data, None, cut).set_index("account_id")["happened"]


def test_what_happens_is_measured_by_each_ones_own_past_when_labels_are_shuffled():
    spent = np.random.default_rng(0).random(2000)
    days = pd.DataFrame({"account_id": [f"a{n:04}" for n in range(2000)], "sales_usd": spent})
    whole = Data({"days": days.assign(business_date=pd.Timestamp(CUT))}, (), CUT)
    of, by = MeasuredByThePast(), rules("soft_churn")
    configuration = Configuration("x", None)
    found = shuffles.shuffled(of, configuration, whole, CUT, pd.DataFrame(), -0.1, by, LIMITS)
    assert (found.outcome, found.subjects) == ("passed", 2000)


def test_an_error_that_is_lower_without_labels_is_refused_too():
    by = rules("forecasts")
    found = shuffles.shuffled_labels(values(0.5, 0.6), values(1.0, 1.1), -0.4, by, 0.1, "the mean")
    assert (found.outcome, found.value) == ("refused", pytest.approx(1.25))


def test_a_past_that_was_written_again_is_refused():
    frame = dated(interactions())
    whole = Data({"interactions": frame, "accounts": pd.DataFrame()}, (), CUT)
    assert [c.outcome for c in probes.same_past(whole, whole, CUT)] == ["passed"]
    corrected = frame.assign(orders=frame["orders"].where(frame.index != 7, 5))
    cut = Data({"interactions": corrected, "accounts": pd.DataFrame()}, (), CUT)
    [found] = probes.same_past(whole, cut, CUT)
    # the row as it was and as it is
    assert (found.outcome, found.value, found.subject) == ("refused", 2, "interactions")


def lists(*products: str) -> pd.DataFrame:
    ranks = range(1, len(products) + 1)
    return pd.DataFrame({"account_id": "a", "rank": ranks, "product_id": products})


def test_answers_that_change_with_what_came_later_are_refused():
    first, other = lists("x", "y", "z"), lists("x", "z", "y")
    assert probes.same_answers(first, first, lambda: other).outcome == "passed"
    found = probes.same_answers(first, other, lambda: other)
    assert (found.outcome, found.value, found.limit_high) == ("refused", 2, 0)
    # a model that is never twice the same differs from itself as much
    assert probes.same_answers(first, other, lambda: first).outcome == "passed"


@pytest.fixture
def judged(store, monkeypatch):
    bench.bench("recommenders")
    train.train("recommenders")
    return monkeypatch


def conditions() -> dict[str, str]:
    checks = lake.read("ops.gate_checks").to_pandas()
    return dict(zip(checks["condition"], checks["outcome"], strict=True))


def test_a_model_that_learns_from_what_follows_the_cut_is_refused(judged):
    # nothing is cut: whatever the data holds is learnt
    judged.setattr(
        protocol.Recommenders, "_seen", lambda self, kind, data, date: data.frames["interactions"]
    )
    assert promote.promote("recommenders") == "refused"
    assert conditions()["same_answers"] == "refused"


def test_a_bench_that_shows_a_model_its_truth_is_refused_by_shuffled_labels(judged):
    seen = protocol.Recommenders._seen

    def with_truth(self, kind, data, as_of):
        rows = data.frames["interactions"]
        later = rows[rows["business_date"] > pd.Timestamp(as_of)]
        is_naive = kind.name == "popular"
        return seen(self, kind, data, as_of) if is_naive or later.empty else later

    judged.setattr(protocol.Recommenders, "_seen", with_truth)
    assert promote.promote("recommenders") == "refused"
    assert conditions()["shuffled_labels"] == "refused"


def test_lists_that_are_alike_for_all_have_no_label_to_shuffle(store):
    alike = pd.DataFrame({"rank": [1, 1], "product_id": ["x", "x"]})
    assert shuffles._alike(alike)
    assert not shuffles._alike(alike.assign(product_id=["x", "y"]))


def test_the_ranker_shows_its_columns_and_a_planted_one_is_found():
    rows = dated(interactions())
    products = pd.DataFrame({"product_id": sorted(rows["product_id"].unique())})
    products = products.assign(known_date=pd.Timestamp(1900, 1, 1))
    products = products.assign(superseded_date=pd.Timestamp(FOREVER).as_unit("s"))
    model = Ranker(Params(min_buyers=1, fewest=5, leaves=4, threads=1))
    model.fit(rows, products, products, None, CUT)
    assert isinstance(model, Tabular)
    assert [check.outcome for check in probes.columns(model, LIMITS)] == ["passed", "passed"]
    features, label = model.examples()
    assert len(features) == len(label) > 0
    assert set(model.gains) == set(features)
    found = probes.single_columns(features.assign(bought_after=label), label, LIMITS.auc)
    assert found.reason.startswith("column bought_after alone")
