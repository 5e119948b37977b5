"""What the benches of models hand on: figures that can be written, read, and put into one table."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from infra.bench import figures, models, recommenders
from infra.bench.figures import Figure
from infra.bench.models import BenchFailed
from infra.bench.panel import Level
from jobs.training.recommenders.recommender import TASKS


def test_figures_are_read_as_they_were_written(tmp_path: Path) -> None:
    told = [Figure("a", "1 s", "", "2 s", False), Figure("b", "", "", "3 s")]
    figures.write(tmp_path / "one.json", told)
    assert figures.read(tmp_path / "one.json") == told
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]
    assert "| a | 1 s |  | 2 s | missed |\n" in figures.markdown(told)


def test_the_table_holds_what_earlier_calls_found(tmp_path: Path, monkeypatch) -> None:
    asked = []

    def bench(name: str, out: Path, to: Path) -> bool:
        asked.append(name)
        if name != "scale":
            figures.write(to, [Figure(f"of {name}", "", "", "1 s")])
        return name != "scale"

    def told() -> list[str]:
        lines = (tmp_path / "figures.md").read_text().splitlines()
        return [line.split(" | ")[0].removeprefix("| of ") for line in lines[2:]]

    monkeypatch.setattr(models, "bench", bench)
    models.main(tmp_path, only=["week"])
    assert (asked, told()) == (["week"], ["week"])
    with pytest.raises(BenchFailed, match="scale: failed"):
        models.main(tmp_path, only=["cold", "scale"])
    assert (asked, told()) == (["week", "cold", "scale"], ["cold", "week"])
    # other code, other figures
    monkeypatch.setattr(models, "code", lambda: "other")
    models.main(tmp_path, only=["lists"])
    assert told() == ["lists"]


@pytest.mark.parametrize("level", ["product_id", "product_type"])
def test_what_recommenders_must_show_can_be_written(level: Level, tmp_path: Path) -> None:
    """Every model as good as it must be or as published, but one: it says which is not."""
    values, seeds = {}, {}
    for task in TASKS:
        must = {model: ends[0] for model, ends in recommenders.TARGETS[level, task].items()}
        for model, value in (recommenders.REFERENCE[level, task] | must).items():
            values[model, task] = pd.Series(np.full(4, value))
            seeds[model, task] = [value]
    values["ease", "new"] -= 2 * recommenders.BELOW
    found = recommenders.figures_of(level, values, seeds)
    figures.write(tmp_path / "one.json", found)
    assert figures.read(tmp_path / "one.json") == found
    missed = [one.what for one in found if not one.is_met]
    assert missed == [f"{level} new, to published baselines"]
