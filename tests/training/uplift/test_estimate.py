"""Effects that were planted in synthetic tables are found, and none is told where none can be."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from infra.bench.uplift import EFFECT, covered, planted
from jobs.training.uplift import __main__ as command_line
from jobs.training.uplift.aipw import on_treated
from jobs.training.uplift.customers import Effects, customers
from jobs.training.uplift.estimate import Judged, estimate, judged
from jobs.training.uplift.study import NotEstimable, Study, report


@pytest.fixture(scope="module")
def good() -> Judged:
    return judged(planted(0), "synthetic offer")


@pytest.fixture(scope="module")
def none() -> Judged:
    return judged(planted(1, effect=0.0), "synthetic offer")


@pytest.fixture(scope="module")
def weak() -> Study:
    return estimate(planted(0, chosen_by=6.0), "synthetic offer")


@pytest.fixture(scope="module")
def unseen() -> Study:
    return estimate(planted(0, unseen=8.0), "synthetic offer")


def test_a_planted_effect_is_found_where_the_difference_in_means_is_not_it(good: Judged) -> None:
    of = good.study
    effect = of.effect()
    assert of.verdict == "estimable"
    assert effect.low < EFFECT < effect.high
    assert effect.low > 0
    assert of.naive.low > EFFECT, "who was chosen spends more anyway"
    assert of.placebo is not None
    assert of.placebo.low < 0 < of.placebo.high
    assert sum(of.overlap.treated) == of.treated
    assert sum(of.overlap.untreated) == of.others


def test_no_effect_gives_none(none: Judged) -> None:
    effect = none.study.effect()
    assert effect.low < 0 < effect.high


def test_the_order_of_rows_and_their_names_change_nothing(good: Judged) -> None:
    again = planted(0).sample(frac=1, random_state=1)
    assert estimate(again, "synthetic offer") == good.study


def test_weak_overlap_is_not_estimable(weak: Study) -> None:
    assert weak.verdict == "not estimable"
    assert weak.overlap.auc > 0.9
    assert weak.overlap.share_inside < 0.6
    assert weak.reasons[0].endswith("within 0.1 to 0.9, at least 60% must")
    with pytest.raises(NotEstimable, match=r"synthetic offer: .* hold customers out by chance"):
        weak.effect()


def test_a_placebo_that_shows_an_effect_is_not_estimable(unseen: Study) -> None:
    assert unseen.overlap.share_inside > 0.6, "it is not the overlap"
    assert unseen.placebo is not None
    assert unseen.placebo.low > 0
    [reason] = unseen.reasons
    assert reason.startswith("the placebo shows +")
    with pytest.raises(NotEstimable, match="the placebo shows"):
        unseen.effect()


def test_arms_that_nobody_is_left_of_are_not_judged() -> None:
    # 100 treated accounts, who have hardly their like among the others
    found = estimate(planted(2, chosen_by=12.0, accounts=260))
    assert found.unproven is None
    assert any("other accounts are left to judge the treatment by" in r for r in found.reasons)
    assert "none: too few accounts are left" in report(found)
    with pytest.raises(NotEstimable):
        found.effect()


def test_the_estimate_is_its_formula() -> None:
    # weights .5/.5 = 1 and .75/.25 = 3: 4 - (1 x 1 + 3 x 2) / 4
    residual, treated = np.array([3.0, 5.0, 1.0, 2.0]), np.array([True, True, False, False])
    found = on_treated(residual, treated, np.array([0.5, 0.5, 0.5, 0.75]))
    assert found.value == pytest.approx(2.25)
    # influence: -2, 2, .75, -.75; its standard deviation 1.7440, of 4 accounts
    assert found.high - found.value == pytest.approx(1.959964 * 1.744037 / 2, rel=1e-5)


def test_no_effect_on_customers_is_handed_on_where_none_is_estimable(
    good: Judged, weak: Study
) -> None:
    with pytest.raises(NotEstimable):
        customers(replace(good, study=weak))
    with pytest.raises(NotEstimable):
        Effects(weak, "ridge", pd.Series([10.0], ["synthetic 00000"]))


def test_customers_are_told_apart_where_the_effect_is_not_the_same_for_all() -> None:
    # far from the same: 40 USD, by x2 between about -32 and +112
    table = planted(3, effect=40.0)
    found = customers(judged(table, "synthetic offer"))
    truth = 40 * (1 + 0.3 * 2 * table.set_index("account_id")["x2"])
    assert found.model != "constant"
    assert found.per_account.corr(truth.reindex(found.per_account.index)) > 0.8
    inside = found.study.treated_kept + found.study.others_kept
    assert len(found.per_account) == inside, "of who has no like nothing is known"


def test_customers_are_alike_where_nothing_tells_them_apart(none: Judged) -> None:
    found = customers(none)
    assert found.model == "constant"
    assert found.per_account.std() < 1


def test_the_report_says_all_in_words_and_numbers(good: Judged, unseen: Study) -> None:
    text = report(good.study)
    assert text.startswith("synthetic offer: estimable\n")
    assert "not to be used" not in text
    bad = report(unseen)
    assert bad.startswith("synthetic offer: not estimable\n  because the placebo shows +")
    assert ", not to be used; of " in bad


def test_the_command_writes_effects_only_where_they_are_estimable(tmp_path: Path) -> None:
    for name, unseen in (("good", 0.0), ("bad", 8.0)):
        planted(0, unseen=unseen).to_parquet(tmp_path / f"{name}.parquet")
    out, app = tmp_path / "out", CliRunner()
    asked = ["table", str(tmp_path / "good.parquet"), str(out), "--subject", "an offer"]
    told = app.invoke(command_line.app, asked)
    assert told.stdout == (out / "report.txt").read_text()
    assert (out / "overlap.png").read_bytes().startswith(b"\x89PNG")
    effects = pd.read_parquet(out / "effects.parquet")
    assert effects["effect"].mean() == pytest.approx(EFFECT, abs=4)
    # an earlier answer's effects must not outlive a worse one
    told = app.invoke(command_line.app, ["table", str(tmp_path / "bad.parquet"), str(out)])
    assert "the treatment: not estimable" in told.stdout
    assert not (out / "effects.parquet").exists()


@pytest.mark.proof
@pytest.mark.parametrize(("effect", "first"), [(EFFECT, 0), (0.0, 100)])
def test_the_interval_covers_what_was_planted_in_nine_of_ten_tables(
    effect: float, first: int
) -> None:
    assert covered(effect, 100, first) >= 90
