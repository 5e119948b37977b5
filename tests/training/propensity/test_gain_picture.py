import numpy as np
import pandas as pd
import pytest

from jobs.training import drawn
from jobs.training.propensity import accuracy, gain_picture
from jobs.training.propensity.decisions import Decision, decision, told

LABEL = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
BEST, WORST = np.linspace(1, 0, 10), np.linspace(0, 1, 10)


def curves(**chances):
    rows = [accuracy.gains(p, LABEL, 10).assign(model=model) for model, p in chances.items()]
    return pd.concat(rows).assign(task="churn", origin="2017-10-29", asked=len(LABEL))


def test_lift_of_a_tenth_is_its_own():
    # three of ten: the first tenth has one of the three, 1/3 over 1/10
    assert gain_picture.by_tenth(curves(gbm=BEST)) == pytest.approx([10 / 3] * 3 + [0] * 7)
    assert gain_picture.by_tenth(curves(gbm=WORST)) == pytest.approx([0] * 7 + [10 / 3] * 3)
    few = accuracy.gains(BEST[:3], LABEL[:3], 20)  # fewer accounts than parts
    assert gain_picture.by_tenth(few) == pytest.approx([1] * 10)


def test_champion_baseline_chance_and_where_it_pays_are_drawn():
    roles = {"champion": "gbm", "baseline": "single_feature"}
    told_ = curves(gbm=BEST, single_feature=WORST, forest=BEST)
    figure = gain_picture.figure(told_, roles, (Decision(cost_usd=1, gain_usd=4), 0.2))
    left, right = figure.axes
    lines = {line.get_label(): line for line in left.lines}
    of_models = [label for label in lines if "(" in label]
    assert of_models == ["single_feature (baseline)", "gbm (champion)"]
    assert lines["gbm (champion)"].get_ydata()[3] == 1
    [marked] = [label for label in lines if label.startswith("pays")]
    assert marked == "pays from a chance of 25% on:\nasks 20%, reaches 67%"
    assert len(right.patches) == 20


def test_a_champion_that_is_the_baseline_is_drawn_once_and_nothing_is_marked_without_costs():
    both = {"champion": "single_feature", "baseline": "single_feature"}
    left, right = gain_picture.figure(curves(single_feature=BEST), both, None).axes
    labels = [line.get_label() for line in left.lines]
    assert labels == ["by chance", "single_feature (champion)"]
    assert len(right.patches) == 10


def test_the_same_curves_give_the_same_bytes_and_no_script(tmp_path):
    roles = {"champion": "<script>", "baseline": "single_feature"}
    told_ = curves(**{"<script>": BEST, "single_feature": WORST})
    files = [
        drawn.write(gain_picture.figure(told_, roles, None), tmp_path / f"{name}.svg")
        for name in "ab"
    ]
    one, other = (file.read_bytes() for file in files)
    assert one == other
    assert b"<script" not in one


def test_a_task_without_costs_has_no_decision():
    assert told("win") is None
    assert told("churn") == decision("churn")
