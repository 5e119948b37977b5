"""Who is one customer, through `build`: found, reviewed, decided, undone; and as from nothing."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from jobs import lake as tables
from jobs.identity.__main__ import app
from jobs.identity.decisions import CannotDecide, decide
from jobs.identity.reviews import mask, reviews
from jobs.settings import settings
from tests.identity.lake import LAST, build_all, customers, land_accounts, land_lines, rows

TABLES = ("silver.account_blocks", "silver.account_matches", LAST)

# enough others that a name is rare
CROWD = [
    {"account_id": f"x{n}", "display_name": f"Person{n} Nobody{n}", "postal_code": f"{n:05}"}
    for n in range(64)
]
HOME = {"street": "5 Main Street", "postal_code": "02134", "phone": "(212) 555-0123"}
ANNA = {"account_id": "1", "display_name": "Anna Müller", "email": "anna@example.com", **HOME}
AGAIN = {"account_id": "2", "display_name": "MUELLER, Anna", "phone": "+1 212 555 0123"}
DOUBT = {"account_id": "3", "display_name": "Anna Müller", "email": "other@example.com"}


def as_from_nothing(home: Path, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What one build of all that has landed makes."""
    with patch.context() as other:
        other.setenv("LAKE_URI", str(home / "at-once"))
        settings.cache_clear()
        build_all()
        found = {name: rows(name) for name in TABLES}
    settings.cache_clear()
    return found


def test_a_merge_is_found_reviewed_decided_and_undone(lake: Path, tmp_path: Path) -> None:
    land_accounts(tmp_path, 0, ANNA, AGAIN, DOUBT, *CROWD)
    build_all()
    found = customers()
    assert (found["1"], found["2"]) == (("1", "itself"), ("1", "key"))
    assert found["3"] == ("3", "itself")
    assert [(r.account_id_a, r.account_id_b, r.because) for r in reviews()] == [
        ("2", "3", "in doubt"),
        ("1", "3", "in doubt"),
    ]

    shown = CliRunner().invoke(app, ["review"])
    assert "A*** M*****" in shown.output
    assert "Anna" not in shown.output
    assert "Anna Müller" in CliRunner().invoke(app, ["review", "--show"]).output

    # a person joins what was in doubt, and separates what was found
    for words in (["3", "1", "same"], ["1", "2", "different"], ["2", "3", "different"]):
        assert CliRunner().invoke(app, ["decide", *words, "--by", "steward"]).exit_code == 0
    assert reviews() == [], "decided, though not built yet"
    built = build_all()
    assert built["silver.account_matches"].why == "no input changed"
    assert built[LAST].rows_written == 2  # of 2 and 3; of 1 there are two accounts still
    found = customers()
    assert (found["3"], found["2"]) == (("1", "person"), ("2", "itself"))

    # the later word holds: the merge is undone, and the one before made again
    decide("1", "3", "different", "steward")
    decide("2", "1", "same", "steward")
    build_all()
    assert customers() == {**found, "2": ("1", "person"), "3": ("3", "itself")}

    # a new snapshot that says the same touches nothing; a moved mailbox its own blocks
    crowd = [{**CROWD[0], "display_name": "Anna Müller", "email": "anna@example.com"}, *CROWD[1:]]
    land_accounts(tmp_path, 1, ANNA, AGAIN, DOUBT, *CROWD)
    assert build_all()["silver.account_matches"].outcome == "unchanged"
    land_accounts(tmp_path, 2, ANNA, AGAIN, DOUBT, *crowd)
    built = build_all()
    assert 0 < built["silver.account_matches"].slices < 20
    assert customers()["x0"] == ("1", "key")

    for a, b, why in (("1", "1", "the same as itself"), ("1", "9", "no account 9")):
        with pytest.raises(CannotDecide, match=why):
            decide(a, b, "same", "steward")


def test_a_mask_lets_two_be_told_apart_and_nobody_be_known() -> None:
    assert mask("Anna-Maria Müller") == "A***-M**** M*****"
    assert mask("(212) 555-0123") == "(**2) **5-***3"
    assert mask("a.b@example.com") == "a.b@e******.c**"


ACCOUNT = st.fixed_dictionaries(
    {
        "account_id": st.sampled_from("123456"),
        "display_name": st.sampled_from(
            [None, "Anna Müller", "Mueller Anna", "Ana Müller", "Bo Li"]
        ),
        "email": st.sampled_from(
            [None, "a@example.com", "anna.m@example.com", "anna.m@example.org"]
        ),
        "phone": st.sampled_from([None, "212 555 0123", "+1 212 555 0123", "212 555 0132"]),
        "postal_code": st.sampled_from([None, "02134"]),
    }
)
SNAPSHOT = st.lists(ACCOUNT, min_size=1, max_size=6, unique_by=lambda a: a["account_id"])
WORD = st.tuples(*[st.sampled_from("123456")] * 2, st.sampled_from(["same", "different"]))
ROUND = st.tuples(SNAPSHOT, st.lists(WORD.filter(lambda w: w[0] != w[1]), max_size=2))

# a customer who leaves and whom others were joined with, one whose name becomes rare, a word undone
MOVES = [
    ([{**ANNA, "account_id": i} for i in "123"] + [{**DOUBT, "account_id": "4"}], []),
    ([ANNA, {**ANNA, "account_id": "3", "email": None}], [("1", "4", "same")]),
    ([ANNA, AGAIN, DOUBT], [("1", "4", "different"), ("2", "3", "same")]),
]
EXAMPLES = int(os.environ.get("BUILD_EXAMPLES", "0"))  # random ones beside this one


@pytest.mark.proof
@pytest.mark.timeout(600 + 120 * EXAMPLES)
@given(rounds=st.lists(ROUND, min_size=2, max_size=3))
@example(rounds=MOVES)
@hypothesis_settings(
    max_examples=max(EXAMPLES, 1),
    deadline=None,
    phases=[Phase.explicit, *([Phase.generate] if EXAMPLES else [])],
    suppress_health_check=list(HealthCheck),
)
def test_builds_of_what_changed_equal_one_build_of_everything(
    rounds: list[tuple[list[dict[str, Any]], list[tuple[str, str, Any]]]],
    spark_server: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = tmp_path_factory.mktemp("identities")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**spark_server, "SALES_STATE": str(home)}.items():
            patch.setenv(name, value)
        settings.cache_clear()
        for day, (accounts, words) in enumerate(rounds):
            land_accounts(home, day, *accounts)
            build_all()
            for a, b, word in words:
                if {a, b} <= {*customers()}:
                    decide(a, b, word, "steward")
        build_all()
        step_by_step = {name: rows(name) for name in TABLES}
        assert step_by_step == as_from_nothing(home, patch)
    settings.cache_clear()


def sales() -> dict[str, tuple[int, Decimal]]:
    """Orders and USD by customer."""
    found = tables.read("gold.account_days").to_pylist()
    return {row["account_id"]: (row["orders"], row["sales_usd"]) for row in found}


def test_what_was_bought_follows_a_merge_and_its_undoing(lake: Path, tmp_path: Path) -> None:
    land_accounts(tmp_path, 0, ANNA, AGAIN, DOUBT)
    land_lines(tmp_path, ("o1", "1", "5.00"), ("o2", "2", "3.00"), ("o3", "stranger", "1.00"))
    build_all("gold.account_days")
    assert sales() == {"1": (2, Decimal("8.00")), "stranger": (1, Decimal("1.00"))}
    lines = tables.read("silver.order_lines").to_pylist()
    source = {row["order_id"]: row["source_account_id"] for row in lines}
    assert source == {"o1": "1", "o2": "2", "o3": "stranger"}

    # who objects, and who is new, has bought what they bought
    land_accounts(tmp_path, 1, {**ANNA, "has_objected": "true"}, AGAIN, DOUBT, *CROWD[:1])
    built = build_all("gold.account_days")
    assert built[LAST].rows_written == 3  # both accounts of Anna's, and the new one
    assert (built["silver.order_lines"].kind, built["silver.order_lines"].slices) == ("nothing", 0)

    decide("1", "2", "different", "steward")
    built = build_all("gold.account_days")
    assert built["silver.order_lines"].slices_written == 1
    assert sales() == {
        "1": (1, Decimal("5.00")),
        "2": (1, Decimal("3.00")),
        "stranger": (1, Decimal("1.00")),
    }
