"""From which chance on acting pays."""

import pytest

from jobs.training.propensity import decisions
from jobs.training.propensity.decisions import BadDecisions


def test_acting_pays_from_cost_over_gain_on():
    found = decisions.decision("churn")
    assert found.threshold == pytest.approx(found.cost_usd / found.gain_usd)


def test_every_fault_of_the_file_is_told_at_once(tmp_path, monkeypatch):
    path = tmp_path / "decisions.yaml"
    path.write_text("churn: {cost_usd: 10, gain_usd: 5}\noffer: {cost_usd: 0, gain_usd: 5}\n")
    monkeypatch.setattr(decisions, "PATH", path)
    decisions.decision.cache_clear()
    with pytest.raises(BadDecisions) as error:
        decisions.decision("churn")
    assert "cost_usd 10 is no less than gain_usd 5" in str(error.value)
    assert "offer" in str(error.value)
    decisions.decision.cache_clear()


def test_true_is_no_cost(tmp_path, monkeypatch):
    path = tmp_path / "decisions.yaml"
    path.write_text("churn: {cost_usd: true, gain_usd: 5}\n")
    monkeypatch.setattr(decisions, "PATH", path)
    decisions.decision.cache_clear()
    with pytest.raises(BadDecisions, match="cost_usd True must be a number"):
        decisions.decision("churn")
    decisions.decision.cache_clear()
