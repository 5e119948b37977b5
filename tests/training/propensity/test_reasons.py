"""Reasons are a model's own terms, in words that people have reviewed."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from jobs.training import transactions
from jobs.training.propensity import reasons
from jobs.training.propensity.churn import Churn
from jobs.training.propensity.classifier import BASE, Rows
from jobs.training.propensity.gbm import Gbm
from jobs.training.propensity.logistic import Logistic
from jobs.training.propensity.reasons import BadReasons, Reasons
from tests.training.propensity import shoppers
from tests.training.propensity.shoppers import ORIGIN

FEWER = Gbm.Params(trees=100, smallest_leaf=50)


@pytest.fixture(scope="module")
def churn(tmp_path_factory) -> Churn:
    folder = tmp_path_factory.mktemp("shop")
    paths = shoppers.written(folder, {"transactions": shoppers.lines(500)})
    return Churn(transactions.days(paths["transactions"]))


@pytest.fixture(scope="module")
def learnt(churn):
    return churn.examples(ORIGIN)


@pytest.fixture(scope="module")
def gbm(learnt) -> Gbm:
    return Gbm(FEWER).fit(learnt)


def told_of(model, rows, learnt):
    churns = reasons.read("churn")
    return reasons.strongest(model, rows, reasons.directions(model, learnt.rows, churns), churns)


@pytest.mark.parametrize("kind", [Gbm, Logistic])
def test_a_score_without_the_strongest_reason_moves_the_way_that_is_said(learnt, gbm, kind):
    """The theme's features at their medians: the log-odds lose what the theme had added."""
    model = gbm if kind is Gbm else Logistic(Logistic.Params()).fit(learnt)
    rows = learnt.rows
    some = np.random.default_rng(0).choice(len(rows), 1_000, replace=False)
    rows = type(rows)(rows.features.iloc[some].reset_index(drop=True), rows.weekly[some])
    medians = learnt.rows.features.median()
    churns = reasons.read("churn")
    told = reasons.strongest(model, rows, reasons.directions(model, learnt.rows, churns), churns)
    first = told[told["rank"] == 1].set_index("row")
    assert len(first) > 950
    belongs = reasons.themes(list(rows.features), reasons.read("churn"))
    before, moved = model.margin(rows), []
    for code, part in first.groupby(first["code"].str.rpartition("_")[0]):
        usual = rows.features.copy()
        names = list(belongs.index[belongs == code])
        usual[names] = medians[names].to_numpy()
        after = model.margin(type(rows)(usual, rows.weekly))[part.index]
        moved += list(np.sign(before[part.index] - after) == np.sign(part["push"]))
    assert np.mean(moved) >= 0.9


def test_reasons_are_the_strongest_sums_of_terms(churn, learnt, gbm):
    rows = churn.asked(ORIGIN).rows
    told = told_of(gbm, rows, learnt)
    assert told.groupby("row").size().max() == reasons.MOST
    assert (
        told.groupby("row")["rank"].apply(list).map(lambda r: r == [*range(1, len(r) + 1)])
    ).all()
    of_first = told[told["row"] == 0]
    pushes = of_first.set_index("code")["push"]
    assert (pushes.abs().diff().dropna() <= 0).all()
    terms = gbm.terms(rows).drop(columns=BASE).iloc[0]
    belongs = reasons.themes(list(terms.index), reasons.read("churn"))
    sums = terms.groupby(belongs).sum()
    for code, push in pushes.items():
        assert push == pytest.approx(sums[str(code).rpartition("_")[0]])


def test_a_reason_shows_the_customers_own_number_in_two_languages(churn, learnt, gbm):
    rows = churn.asked(ORIGIN).rows
    told = told_of(gbm, rows, learnt)
    low = told[told["code"] == "orders_lately_low"]
    orders = rows.features["orders_4_weeks"].iloc[low["row"]].to_numpy()
    assert (orders == 0).any()
    assert (orders > 0).any()
    for count, en, zh in zip(orders, low["en"], low["zh"], strict=True):
        if count == 0:
            assert (en, zh) == ("No order in the last 4 weeks", "最近 4 周没有下单")
        else:
            assert en == f"Orders in the last 4 weeks: only {count:,.0f}"
            assert zh == f"最近 4 周只下单 {count:,.0f} 次"
    # what many of would be low, none is high
    theme = reasons.read("churn").by_name["orders_lately"]
    assert theme.text(0.0, True, 1.0) == theme.high


def test_text_and_push_agree(churn, learnt, gbm):
    """Few orders speak for churn, many against it: no text says the contrary of its push."""
    told = told_of(gbm, churn.asked(ORIGIN).rows, learnt)
    signs = told.groupby("code")["push"].agg(lambda pushes: np.sign(pushes).unique().tolist())
    assert signs["orders_lately_low"] == [1]
    assert signs["orders_lately_high"] == [-1]
    assert signs.map(len).eq(1).all()


def test_a_part_of_what_was_learnt_from_tells_the_directions_of_all(learnt, gbm, monkeypatch):
    told = reasons.read("churn")
    monkeypatch.setattr(reasons, "MOST_ROWS", len(learnt.rows))
    of_all = reasons.directions(gbm, learnt.rows, told)
    asked, real = [], Gbm.terms
    monkeypatch.setattr(
        Gbm, "terms", lambda self, rows: asked.append(len(rows)) or real(self, rows)
    )
    monkeypatch.setattr(reasons, "MOST_ROWS", 2_000)
    of_some = reasons.directions(gbm, learnt.rows, told)
    assert asked[0] <= 2_000 < len(learnt.rows)
    strong = reasons.pushes(gbm, learnt.rows, told).abs().mean().nlargest(5).index
    assert [of_some[name] for name in strong] == [of_all[name] for name in strong]


def test_every_feature_of_a_task_is_in_a_theme(churn):
    known = list(churn.asked(ORIGIN).rows.features)
    assert not reasons.themes(known, reasons.read("churn")).isna().any()


def test_a_feature_in_no_theme_may_not_be_used():
    with pytest.raises(BadReasons, match="age_band: in no theme, so no model may use it"):
        reasons.themes(["recency_days", "age_band"], reasons.read("churn"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("themes: []", "churn.yaml: themes is empty"),
        ("themes: 5", "churn.yaml: themes 5 must be a list"),
        ("{", "churn.yaml: no YAML"),
        (
            "themes: [{theme: A, shows: x, as: euro, features: [y], high: {en: a, zh: b}}]",
            r"themes.0.theme 'A'.*themes.0.as 'euro'.*themes.0.low is missing",
        ),
        (
            "themes: [{theme: a, shows: x, as: usd, features: [y],"
            " high: {en: a, zh: b}, low: {en: a, zh: b}}]",
            "themes.0 a: shows x, which is not of its features",
        ),
        (
            "themes: [{theme: a, shows: y, as: usd, features: [y],"
            " high: {en: 'a {values}', zh: b}, low: {en: 'a {', zh: b}}]",
            r"'a {values}' tells values: there is only {value}; themes.0 a: 'a {': ",
        ),
        (
            "themes: [{theme: a, shows: y, as: rank, features: [y],"
            " high: {en: a, zh: b}, low: {en: a, zh: b}}]",
            "otherwise: a theme as: rank needs it",
        ),
    ],
)
def test_a_file_that_is_wrong_is_told(tmp_path, monkeypatch, text, said):
    (tmp_path / "churn.yaml").write_text(text)
    monkeypatch.setattr(reasons, "HOME", tmp_path)
    with pytest.raises(BadReasons, match=said):
        reasons.read("churn")


def test_a_theme_that_is_newer_than_the_model_asks_for_training(churn, learnt):
    rows = churn.asked(ORIGIN - dt.timedelta(days=7)).rows
    model, told = Logistic(Logistic.Params()).fit(learnt), reasons.read("churn")
    known = reasons.directions(model, learnt.rows, told)
    older = {name: way for name, way in known.items() if name != told.themes[0].theme}
    with pytest.raises(BadReasons, match=f"{told.themes[0].theme}: no theme when.*train again"):
        reasons.strongest(model, rows, older, told)


def test_themes_of_a_task_have_codes_of_their_own():
    for task in ("churn", "soft_churn", "department", "offer", "win"):
        found: Reasons = reasons.read(task)
        assert len(found.by_name) == len(found.themes)


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("push", [-1.0, 1.0])
@pytest.mark.parametrize("direction", [-1, 1])
def test_a_rank_is_told_only_where_it_says_what_the_theme_does(place, push, direction):
    class Told:
        def terms(self, rows):
            return pd.DataFrame({"orders_12_weeks": [push], BASE: 0.0})

    rows = Rows(pd.DataFrame({"orders_12_weeks": [place]}), np.zeros((1, 0, 0)))
    offers = reasons.read("offer")
    [text] = reasons.strongest(Told(), rows, {"orders": direction}, offers)["en"]
    is_high = push * direction > 0
    if is_high and place >= 0.5:
        assert text == f"Orders more than {place:.0%} of those addressed"
    elif not is_high and place < 0.5:
        assert text == "Orders less than most of those addressed"
    else:
        way = "for" if push > 0 else "against"
        assert text == f"When and how often it orders, taken together, speaks {way} an answer"


def test_weak_terms_are_told_of_nobody(churn, learnt):
    rows = churn.asked(ORIGIN - dt.timedelta(days=7)).rows
    strict = Logistic(Logistic.Params(strictness=1e9)).fit(learnt)
    told = told_of(strict, rows, learnt)
    assert told.empty
    assert list(told) == ["row", "rank", "code", "en", "zh", "push"]
    assert isinstance(told, pd.DataFrame)
