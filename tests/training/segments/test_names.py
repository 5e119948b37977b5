"""Names by rules: each segment one, each name once, and all errors of the file at once."""

from pathlib import Path

import pandas as pd
import pytest

from jobs.training.segments.features import NAMES
from jobs.training.segments.names import FILE, BadNames, Names, names

RULES = """
names:
  - code: big
    text: {en: Big, zh: 大}
    why: They spend.
    when:
      spend_per_week_usd: {place_at_least: 0.7}
  - code: gone
    text: {en: Gone, zh: 走了}
    why: They do not come.
    when:
      recency_days: {at_least: 56, at_most: 100}
otherwise: {code: mixed, text: {en: Mixed, zh: 混合}, why: Nothing sets them apart.}
"""


def read(folder: Path, text: str = RULES) -> Names:
    path = folder / "segments.yaml"
    path.write_text(text)
    return names(path)


def faults(folder: Path, text: str) -> str:
    with pytest.raises(BadNames) as told:
        read(folder, text)
    return str(told.value)


def centres(*given: dict[str, float]) -> pd.DataFrame:
    """Centres, or places, of segments 1, 2 and so on; what a test does not name is 0.5."""
    index = range(1, len(given) + 1)
    return pd.DataFrame([dict.fromkeys(NAMES, 0.5) | one for one in given], index)


def test_the_rules_name_by_centre_and_place(tmp_path: Path) -> None:
    rules = read(tmp_path)
    values = centres({}, {"recency_days": 56}, {"recency_days": 101}, {})
    places = centres({"spend_per_week_usd": 0.7}, {}, {}, {"spend_per_week_usd": 0.69})
    found = rules.name(values, places, {})
    assert found == {1: "big", 2: "gone", 3: "mixed", 4: "mixed_2"}


def test_of_several_the_farthest_gets_the_name(tmp_path: Path) -> None:
    places = centres({"spend_per_week_usd": 0.8}, {"spend_per_week_usd": 0.9})
    assert read(tmp_path).name(centres({}, {}), places, {}) == {1: "mixed", 2: "big"}


def test_a_name_that_was_given_stays_and_is_given_to_no_other(tmp_path: Path) -> None:
    rules, places = read(tmp_path), centres({"spend_per_week_usd": 0.1}, {"spend_per_week_usd": 1})
    found = rules.name(centres({}, {}), places, {1: "big", 7: "gone"})
    assert found == {1: "big", 2: "mixed"}
    numbered = rules.name(centres({}, {}), centres({}, {}), {1: "mixed_2"})
    assert numbered == {1: "mixed_2", 2: "mixed"}


def test_a_name_that_the_file_no_longer_has_is_given_up(tmp_path: Path) -> None:
    given = {1: "of_an_older_file", 2: "mixed_7"}
    assert read(tmp_path).name(centres({}, {}), centres({}, {}), given) == {
        1: "mixed",
        2: "mixed_7",
    }


def test_what_is_not_known_meets_no_condition(tmp_path: Path) -> None:
    unknown = centres({"spend_per_week_usd": float("nan"), "recency_days": float("nan")})
    assert read(tmp_path).name(unknown, unknown, {}) == {1: "mixed"}


def test_a_name_wears_out_where_its_rule_is_missed_by_more_than_the_slack(tmp_path: Path) -> None:
    rules, codes = read(tmp_path), {1: "big", 2: "big", 3: "gone", 4: "gone", 5: "mixed"}
    values = centres({}, {}, {"recency_days": 52}, {"recency_days": 50}, {})
    places = centres({"spend_per_week_usd": 0.61}, {"spend_per_week_usd": 0.59}, {}, {}, {})
    assert rules.worn(codes, values, places) == ["big", "gone"]
    assert rules.worn({1: "big", 3: "gone", 5: "mixed"}, values, places) == []


def test_a_code_has_words_in_two_languages(tmp_path: Path) -> None:
    rules = read(tmp_path)
    assert (rules.text("big").en, rules.text("big").zh) == ("Big", "大")
    assert (rules.text("mixed_2").en, rules.text("mixed_2").zh) == ("Mixed 2", "混合 2")
    assert rules.text("of_an_older_file").en == "of_an_older_file"


def test_all_errors_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = RULES.replace("place_at_least: 0.7", "place_at_least: 7")
    text = text.replace("zh: 走了", "cn: 走了").replace("at_least: 56", "at_least: 560")
    text = (
        text.replace("recency_days", "recency")
        .replace("code: mixed", "code: big")
        .replace("why: They spend.", "wy: They spend.")
    )
    told = faults(tmp_path, text)
    for part in (
        "names.0.why",
        "names.0.wy",
        "names.0.when.spend_per_week_usd.place_at_least 7 must be less than or equal to 1",
        "names.1.text.zh",
        "names.1.text.cn",
        "nothing is at least 560.0 and at most 100.0",
        "when: no feature recency; the features are: recency_days, regularity",
        "code big stands there twice: take another",
    ):
        assert part in told
    assert told.startswith("segments.yaml: ")


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ("spend_per_week_usd:", "spend:", "no feature spend; the features are: recency_days"),
        ("{place_at_least: 0.7}", "{}", "has no bound"),
        (
            "when:\n      spend_per_week_usd: {place_at_least: 0.7}",
            "when: {}",
            "names.0.when is empty",
        ),
        ("code: big", "code: Big One", "names.0.code 'Big One'"),
        ("code: gone", "code: none", "code none: stands for those in no segment"),
        ("code: gone", "code: gone\n    code: gone", "code stands there twice"),
        ("names:", "nams:", "names"),
        (RULES, "[]", "segments.yaml"),
        (RULES, "names: 5", "otherwise is missing"),
    ],
)
def test_an_error_says_where_and_what(tmp_path: Path, wrong: str, right: str, told: str) -> None:
    assert wrong in RULES
    assert told in faults(tmp_path, RULES.replace(wrong, right))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadNames, match=r"none\.yaml: cannot be read"):
        names(tmp_path / "none.yaml")


def test_the_file_beside_the_unit_is_right() -> None:
    codes = [rule.code for rule in names().names]
    assert FILE.exists()
    assert {"high_value", "loyal", "bargain", "at_risk", "new", "dormant"} <= set(codes)
    assert all(names().text(code).zh for code in codes)
