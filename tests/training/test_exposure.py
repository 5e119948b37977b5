"""A group that clearly receives less is refused; what is small, noisy or unsaid is told of."""

import pandas as pd
import pytest

from jobs.training import exposure
from jobs.training.gate import Check, Exposure

LIMITS = Exposure(ratio=0.8, accounts=100, columns=("age_band",))


def exposed(old: list[float], young: list[float], unsaid: int = 0) -> dict[str | None, Check]:
    """What is found where two age bands receive these shares."""
    bands = ["65+"] * len(old) + ["19-24"] * len(young) + [None] * unsaid
    index = pd.Index([f"a{n}" for n in range(len(bands))], name="account_id")
    received = pd.Series([*old, *young, *[0.1] * unsaid], index)
    found = exposure.checks(received, pd.DataFrame({"age_band": bands}, index), LIMITS)
    return {check.subject: check for check in found}


def test_a_group_that_receives_clearly_less_is_refused():
    found = exposed([0.5, 0.3] * 60, [1.0] * 200)["age_band: 65+"]
    assert found.outcome == "refused"
    # by hand: mean(.5, .3) / 1
    assert found.value == pytest.approx(0.4)
    assert found.value_high < 0.5
    assert found.subjects == 120


def test_a_group_is_told_of_where_it_is_small_or_the_interval_reaches_the_limit():
    assert exposed([0.5, 0.3] * 40, [1.0] * 200)["age_band: 65+"].outcome == "told"
    noisy = exposed([1.0] * 78 + [0.0] * 22, [1.0] * 200)["age_band: 65+"]
    assert noisy.value == pytest.approx(0.78)
    assert noisy.outcome == "passed"


def test_accounts_that_say_nothing_are_told_of_and_compared_with_nobody():
    found = exposed([1.0] * 100, [1.0] * 100, unsaid=500)
    assert found["age_band: not said"].outcome == "told"
    assert found["age_band: 65+"].value == 1.0


def test_where_nobody_says_anything_exposure_does_not_apply():
    [found] = exposure.checks(pd.Series([1.0], ["a"]), pd.DataFrame(index=["a"]), LIMITS)
    assert found.outcome == "does not apply"


def test_a_group_that_receives_nothing_has_the_ratio_0():
    assert exposed([0.0] * 100, [1.0] * 100)["age_band: 65+"].value_high == 0.0
    assert exposed([1.0] * 100, [0.0] * 100)["age_band: 65+"].outcome == "does not apply"


def test_the_personal_share_counts_what_was_chosen_for_the_account():
    lists = pd.DataFrame(
        {
            "account_id": ["a", "a", "b", "b"],
            "reason_code": ["bought_often", "popular_now", "popular_now", "popular_in_segment"],
        }
    )
    assert exposure.personal_share(lists).to_dict() == {"a": 0.5, "b": 0.0}
