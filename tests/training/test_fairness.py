"""A group whose chances are clearly wrong is refused; what is small or noisy is told of."""

import pandas as pd
import pytest

from jobs.training import fairness, gate
from jobs.training.gate import Check, Fairness

LIMITS = Fairness(gap=0.05, accounts=100, columns=("age_band",))


def judged(*groups: tuple[str | None, int, float, float]) -> dict[tuple[str, str | None], Check]:
    """What is found of groups: name, accounts, the chance they were told, share that happened."""
    rows, bands = [], []
    for name, count, chance, share in groups:
        for n in range(count):
            happened = int((n + 1) * share) - int(n * share)
            rows.append((f"a{len(rows)}", chance, happened, chance >= 0.25))
            bands.append(name)
    outcomes = pd.DataFrame(rows, columns=["account_id", "chance", "happened", "is_acted_on"])
    people = pd.DataFrame({"age_band": bands}, outcomes["account_id"])
    found = fairness.checks(outcomes, people, LIMITS)
    return {(check.condition, check.subject): check for check in found}


def test_a_group_that_is_told_clearly_oftener_than_it_happens_is_refused():
    found = judged(("65+", 200, 0.5, 0.2), ("19-24", 200, 0.2, 0.2))
    old, young = (found["fairness", f"age_band: {band}"] for band in ("65+", "19-24"))
    assert old.outcome == "refused"
    assert old.value == pytest.approx(0.3)  # .5 - .2
    assert old.value_low > LIMITS.gap
    assert young.outcome == "passed"


def test_one_told_too_seldom_is_refused_too():
    found = judged(("65+", 200, 0.1, 0.5), ("19-24", 200, 0.2, 0.2))
    assert found["fairness", "age_band: 65+"].outcome == "refused"


def test_a_small_group_is_told_of_and_who_says_nothing_is_a_group():
    found = judged(("65+", 99, 0.5, 0.2), (None, 200, 0.5, 0.2))
    assert found["fairness", "age_band: 65+"].outcome == "told"
    assert found["fairness", "age_band: not said"].outcome == "refused"


def test_error_rates_are_those_of_acting_from_the_threshold_on():
    found = judged(("65+", 100, 0.3, 0.2), ("19-24", 100, 0.1, 0.2))
    assert found["fairness_in_vain", "age_band: 65+"].value == 1.0  # all 80 were acted on
    assert found["fairness_missed", "age_band: 65+"].value == 0.0
    assert found["fairness_missed", "age_band: 19-24"].value == 1.0
    assert found["fairness_missed", "age_band: 19-24"].subjects == 20
    assert found["fairness_auc", "age_band: 65+"].value == pytest.approx(0.5)  # all alike


def test_where_nobody_says_anything_fairness_does_not_apply():
    outcomes = pd.DataFrame(
        {"account_id": ["a"], "chance": [0.5], "happened": [1], "is_acted_on": [True]}
    )
    [found] = fairness.checks(outcomes, pd.DataFrame(), LIMITS)
    assert found.outcome == "does not apply"


def test_the_group_that_is_farthest_off_stands_in_the_decisions_reason():
    found = judged(("65+", 200, 0.23, 0.2), ("19-24", 200, 0.2, 0.2))
    told = gate.in_words([*found.values()])
    assert "chances of 2 groups, the farthest off: age_band: 65+ told +0.030" in told
