"""What the benches of models hand on: figures that can be written, read, and put into one table."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from infra.bench import figures, forecasts, models, recommenders
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
        told = dict.fromkeys(recommenders.SEEDED, 0.3) | recommenders.REFERENCE[level, task] | must
        for model, value in told.items():
            values[model, task] = pd.Series(np.full(4, value))
            seeds[model, task] = [value]
    values["ease", "new"] -= 2 * recommenders.BELOW
    found = recommenders.figures_of(level, values, seeds)
    figures.write(tmp_path / "one.json", found)
    assert figures.read(tmp_path / "one.json") == found
    missed = [one.what for one in found if one.is_met is False]
    assert missed == [f"{level} new, to published baselines"]
    published = {one.what: one.found for one in found if one.is_met is None}
    assert published[f"{level} any, ndcg@10: two_tower"] == "0.3000; other seeds 0.3000"


def test_what_forecasts_must_show_can_be_written(tmp_path: Path) -> None:
    """Worked by hand: level misses by half a scale, theta by one; of ten values eight are in."""
    origins, errors = forecasts.DAILY.published, {"level": 0.5, "theta": 1.0}
    rows = pd.DataFrame(
        [
            {"model": model, "unique_id": f"s{n}", "origin": origin, "mase": mase, "covered": n < 8}
            for (model, mase), origin, n in itertools.product(errors.items(), origins, range(10))
        ]
    )
    board = pd.DataFrame({"model": ["theta", "level"], "champion": [False, True]})
    found = forecasts.figures_of(forecasts.DAILY, rows, board, {"gbm": [0.8, 0.81]})
    figures.write(tmp_path / "one.json", found)
    assert figures.read(tmp_path / "one.json") == found
    assert [(one.found, one.is_met) for one in found] == [
        ("0.500; over 4 origins 0.500", True),
        ("-0.500 (-0.500 .. -0.500)", None),
        ("0.800", True),
        ("0.800, 0.810", None),
    ]
