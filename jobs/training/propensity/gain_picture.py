"""Gain and lift of chances as a picture: whom to ask first, and how much better than by chance."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from jobs.training.propensity.decisions import Decision

TENTHS = 10
Pays = tuple[Decision, float]
COLORS = {"champion": "#0b6bcb", "baseline": "#d0885c"}


def figure(curves: pd.DataFrame, models: Mapping[str, str], pays: Pays | None) -> Figure:
    """On the left what share of those to whom it happens is reached, on the right lift by tenth.

    Args:
        curves: as gains.parquet, of one task and origin.
        models: role (champion, baseline) → model; one that is both is drawn once.
        pays: what acting costs and brings, and the share to whom the champion gives a chance
            from which it pays; null: nobody has said.
    """
    task, origin = curves["task"].iloc[0], curves["origin"].iloc[0]
    asked = curves["asked"].iloc[0]
    drawn = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = drawn.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1, label="by chance")
    roles = {models["baseline"]: "baseline", models["champion"]: "champion"}
    for place, (model, role) in enumerate(roles.items()):
        curve = curves[curves["model"] == model]
        label = f"{model} ({role})"
        left.plot([0, *curve["share"]], [0, *curve["gain"]], color=COLORS[role], label=label)
        width = 0.8 / len(roles)
        tenths = np.arange(TENTHS) + 0.1 + place * width
        right.bar(tenths, by_tenth(curve), width, align="edge", color=COLORS[role], label=label)
    right.axhline(1, color="grey", linestyle="--", linewidth=1, label="by chance")
    if pays:
        _mark(left, right, curves[curves["model"] == models["champion"]], *pays)
    _words(left, right)
    drawn.suptitle(f"{task}, {origin}: {asked:,} asked about, highest chance first")
    return drawn


def by_tenth(curve: pd.DataFrame) -> np.ndarray:
    """Lift of each tenth by itself: its share of those to whom it happens / its own. (10)

    1 is chance. Between the shares of the curve it is a straight line.
    """
    edges = np.linspace(0, 1, TENTHS + 1)
    gain = np.interp(edges, [0, *curve["share"]], [0, *curve["gain"]])
    found: np.ndarray = np.diff(gain) * TENTHS
    return found


def _mark(left: Axes, right: Axes, curve: pd.DataFrame, decision: Decision, share: float) -> None:
    """Where acting stops to pay."""
    reached = float(np.interp(share, [0, *curve["share"]], [0, *curve["gain"]]))
    told = (
        f"pays from a chance of {decision.threshold:.0%} on:\n"
        f"asks {share:.0%}, reaches {reached:.0%}"
    )
    left.axvline(share, color="black", linewidth=1, linestyle=":", label=told)
    right.axvline(
        share * TENTHS, color="black", linewidth=1, linestyle=":", label="pays up to here"
    )


def _words(left: Axes, right: Axes) -> None:
    left.set_xlim(0, 1)
    left.set_ylim(0, 1.02)
    for axis in (left.xaxis, left.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    left.set_xlabel("share asked")
    left.set_ylabel("share reached of those to whom it happens")
    left.set_title("Gain")
    left.legend(loc="lower right")
    right.set_xlim(0, TENTHS)
    right.set_xticks(np.arange(TENTHS) + 0.5, [str(n + 1) for n in range(TENTHS)])
    right.set_xlabel("tenth of those asked about")
    right.set_ylabel("how many times as often as among all")
    right.set_title("Lift by tenth")
    right.legend(loc="upper right")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
