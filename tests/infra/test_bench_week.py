"""The week that is timed is the week that the DAG makes: bench, train, and the gate's probes."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.bench import week
from jobs.training.family import Configuration
from jobs.training.recommenders.protocol import Recommenders, Terms
from tests.training.company import without_lake


class Few(Recommenders):
    def configurations(self) -> Sequence[Configuration]:
        return [self.baseline, self.configuration("repeat")]


def test_a_week_ends_with_shuffled_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = []
    shuffled = week.shuffled
    monkeypatch.setattr(week, "shuffled", lambda *told: checks.append(shuffled(*told)))
    spent = week.week(Few(Terms(min_buyers=2), tmp_path), without_lake(), dt.date(2017, 10, 29))
    judged = ["judge popular", "judge repeat", "train repeat"]
    assert list(spent) == [*judged, "gate: answers 1", "gate: answers 2", "gate: shuffled labels"]
    assert [check.outcome for check in checks] == ["passed"]  # it did apply
