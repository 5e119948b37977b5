"""Movement between segments as a picture: who was where a week ago, and where they are now."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from jobs.spark.scores.segment_moves import NOWHERE
from jobs.training.segments.names import Names, names

INCH = 0.9  # per segment


def movement_figure(movement: pd.DataFrame, rules: Names | None = None) -> Figure:
    """A field for each pair of segments, with its accounts; the darker, the larger its share.

    Args:
        movement: as `identity.movement` gives it, of one week.
    """
    rules = rules or names()
    ids = sorted({*movement["from_id"].dropna(), *movement["to_id"].dropna()})
    codes = dict(zip(movement["from_id"], movement["from_code"], strict=True))
    codes |= dict(zip(movement["to_id"], movement["to_code"], strict=True))
    labels = [f"{rules.text(codes[one]).en} ({one})" for one in ids]
    keys = movement[["from_id", "to_id"]].astype("Int64").fillna(0)  # ids begin at 1
    table = movement.groupby([keys["from_id"], keys["to_id"]])["accounts"].sum().unstack()
    order = [*ids, 0]
    counts = table.reindex(index=order, columns=order).fillna(0).to_numpy(int)  # (K + 1, K + 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 3 + INCH * len(order)
    figure = Figure(figsize=(side, side * 0.8), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        shade = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=shade)
    axes.set_xticks(range(len(order)), [*labels, NOWHERE], rotation=35, ha="right")
    axes.set_yticks(range(len(order)), [*labels, NOWHERE])
    axes.set_xlabel("segment now")
    axes.set_ylabel("segment a week before")
    week = movement["week"].iloc[0]
    axes.set_title(f"Customers by segment, week to {week:%Y-%m-%d}")
    return figure
