"""Playbooks as people write them: every fault at once, each with its place and its cure."""

from pathlib import Path

import pytest
import yaml

from jobs.spark import playbooks
from jobs.spark.playbooks import FILE, BadPlaybooks, read
from jobs.table import built_table, columns


@pytest.fixture
def told(tmp_path: Path):  # type: ignore[no-untyped-def]
    """`told(change)`: the shipped file as `change` leaves it, read."""

    def build(change):  # type: ignore[no-untyped-def]
        content = yaml.safe_load(FILE.read_text())
        change(content)
        path = tmp_path / "next_actions.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        read.cache_clear()
        return read(path)

    return build


def refused(told, change) -> list[str]:  # type: ignore[no-untyped-def]
    with pytest.raises(BadPlaybooks) as error:
        told(change)
    name, _, faults = str(error.value).partition(": ")
    assert name == "next_actions.yaml"
    return faults.split("; ")


def test_the_shipped_file_says_of_each_effect_that_it_is_assumed() -> None:
    for one in read().playbooks:
        assert "{share}" in one.reason.en
        assert "assumed, not measured" in one.reason.en
        assert "{share}" in one.reason.zh
        assert "假设" in one.reason.zh


def test_the_version_is_of_what_is_said_not_of_comments(told) -> None:  # type: ignore[no-untyped-def]
    same = told(lambda content: None)  # without comments
    assert same.version == read().version
    assert told(lambda content: content.update(a_day=7)).version != same.version


def test_what_is_of_no_form_hides_no_other_fault(told) -> None:  # type: ignore[no-untyped-def]
    def change(content):  # type: ignore[no-untyped-def]
        content["a_day"] = 0
        content["playbooks"][0]["due_days"] = 9999
        content["playbooks"][1]["channel"] = "fax"
        del content["nothing"]["capacity"]

    found = " ".join(refused(told, change))
    for fault in (
        "a_day 0",
        "due_days 9999: must be below",
        "'fax'",
        "nothing.capacity is missing",
    ):
        assert fault in found


def test_true_is_no_number(told) -> None:  # type: ignore[no-untyped-def]
    def change(content):  # type: ignore[no-untyped-def]
        content["a_day"] = True
        content["playbooks"][0]["due_days"] = False

    found = " ".join(refused(told, change))
    assert "a_day True must be a whole number" in found
    assert "due_days False must be a whole number" in found


def test_what_is_misspelt_is_told_with_the_nearest_that_there_is(told) -> None:  # type: ignore[no-untyped-def]
    def change(content):  # type: ignore[no-untyped-def]
        content["a_dya"] = content.pop("a_day")
        content["playbooks"][0]["cool_down"] = 3
        content["playbooks"][1]["when"]["churn"] = {"grades": ["F"]}

    found = refused(told, change)
    assert "a_day is missing" in found
    assert found[found.index("a_dya: there is no such setting") + 1] == "is it a_day?"
    assert "is it cool_down_days?" in found
    assert any("playbooks.1.when.churn.grades.0 'F' must be" in fault for fault in found)


def test_an_effect_has_no_other_name_than_an_assumption(told) -> None:  # type: ignore[no-untyped-def]
    def change(content):  # type: ignore[no-untyped-def]
        worth = content["playbooks"][0]["worth"]
        worth["share"] = worth.pop("assumed_share")

    found = refused(told, change)
    assert "playbooks.0.worth.assumed_share is missing" in found
    assert "playbooks.0.worth.share: there is no such setting" in found


def test_a_text_tells_only_what_its_playbook_asks_for(told) -> None:  # type: ignore[no-untyped-def]
    def change(content):  # type: ignore[no-untyped-def]
        call, coupon = content["playbooks"][:2]
        call["text"]["en"] = "Sell {prodct} of {product}"
        call["text"]["zh"] = "{share:.3f}"
        call["reason"]["zh"] = "{"
        coupon["when"].pop("open_offer")
        coupon["worth"]["chance"] = "churn"

    found = refused(told, change)
    at, then = "playbooks.0 call_leaving: ", "playbooks.1 coupon_open_offer: "
    assert f"{at}text.en tells {{prodct}}, which nobody knows" in found
    assert "is it product?" in found
    assert any(fault.startswith(f"{at}text.zh tells share in a form") for fault in found)
    assert f"{at}text.en tells {{product}}: `when` must ask for buys_again" in found
    assert any(fault.startswith(f"{at}reason.zh has a bracket too many") for fault in found)
    assert f"{then}worth.chance churn: `when` must ask for it" in found
    assert f"{then}text.en tells {{offer}}: `when` must ask for open_offer" in found


def test_a_playbook_has_a_name_of_its_own_and_is_due_within_its_period(told) -> None:  # type: ignore[no-untyped-def]
    def change(content):  # type: ignore[no-untyped-def]
        first, second, third = content["playbooks"][:3]
        second["playbook"] = first["playbook"]
        third["playbook"] = "nothing"
        third["due_days"] = third["period_days"]
        content["nothing"].pop("capacity")

    found = refused(told, change)
    assert "playbooks.1 call_leaving: stands there twice" in found
    assert any("playbook 'nothing' is the name of no action" in fault for fault in found)
    assert "playbooks.2 nothing: due_days 28: must be below period_days 28" in found
    assert "nothing.capacity is missing" in found


def test_days_that_end_before_they_begin_are_refused(told) -> None:  # type: ignore[no-untyped-def]
    def change(content):  # type: ignore[no-untyped-def]
        content["playbooks"][3]["when"]["days_since_order"] = {"at_least": 9, "at_most": 8}

    [fault] = refused(told, change)
    assert fault.endswith("at_most 8 is below at_least 9")


def test_a_file_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadPlaybooks, match=r"none.yaml: cannot be read"):
        read(tmp_path / "none.yaml")


def test_every_action_and_reason_that_the_table_documents_is_known() -> None:
    comments = {c.name: c.comment for c in columns(built_table("scores.next_actions").schema)}
    for one in playbooks.read().playbooks:
        assert one.action in comments["action"]
        assert one.channel in comments["channel"]


def test_a_segment_is_one_that_segments_yaml_names(told) -> None:  # type: ignore[no-untyped-def]
    def change(content):  # type: ignore[no-untyped-def]
        first, *_, second, _ = content["playbooks"]
        second["when"]["segments"] = ["high_valu", "mixed", "mixed_2", "mixed_x"]
        first["when"]["segments"] = []
        first["text"]["en"] = "Call {segment}"

    found = refused(told, change)
    at = "playbooks.4 call_best_early: when.segments"
    assert "playbooks.0.when.segments is empty" in found
    assert not any("'mixed'" in fault or "'mixed_2'" in fault for fault in found)

    def mend(content):  # type: ignore[no-untyped-def]
        change(content)
        content["playbooks"][0]["when"].pop("segments")

    found = refused(told, mend)
    assert f"{at} 'high_valu' is no name of segments.yaml" in found
    assert "is it high_value?" in found
    assert f"{at} 'mixed_x' is no name of segments.yaml" in found
    assert not any("'mixed'" in fault or "'mixed_2'" in fault for fault in found)
    cure = "text.en tells {segment}: `when` must ask for segments"
    assert f"playbooks.0 call_leaving: {cure}" in found


def test_the_names_of_segments_are_those_that_segments_are_given() -> None:
    from jobs.training.segments.names import names

    known = names()
    assert playbooks.segment_codes() == [*(n.code for n in known.names), known.otherwise.code]


def test_a_file_of_segments_without_names_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "segments.yaml").write_text("names: 3\n")
    monkeypatch.setattr(playbooks, "SEGMENTS", tmp_path / "segments.yaml")
    with pytest.raises(BadPlaybooks, match=r"segments.yaml tells no names of segments"):
        playbooks.segment_codes()
