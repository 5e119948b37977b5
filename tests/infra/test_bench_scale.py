"""What lists cost is measured aside: nothing of a bench stays where the lake's own fits look."""

from pathlib import Path

from infra.bench import scale
from tests.training.company import without_lake


def test_a_ranker_can_be_asked_for_made_up_accounts() -> None:
    assert scale.synthetic("ranker", accounts=60, products=40)["peak_mib"] > 0


def test_lists_of_real_accounts_leave_nothing_in_the_state(monkeypatch, state: Path) -> None:
    monkeypatch.setattr(scale, "households", without_lake)
    found = scale.real("ranker")  # the one that keeps what it fitted on past days
    assert set(found) == {"fit_s", "recommend_s", "peak_mib"}
    assert list(state.rglob("*.parquet")) == []
