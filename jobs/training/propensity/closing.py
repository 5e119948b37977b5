"""When an open opportunity will close, won or lost: a hazard for each span of days ahead.

Brown: On the Use of Indicator Variables for Studying the Time-Dependence of Parameters (1975), and
Singer, Willett: It's About Time (1993): every span of days that an opportunity has lived through,
or ended in, is a row of its own, and a classifier (here LightGBM) says how likely it ends there.
One that has not ended counts with the part of a span that it was seen in, and is not left out. With
no column but the stage it is a life table by stage, the baseline.

Letters: N opportunities, K spans.
"""

from dataclasses import dataclass, field

import lightgbm
import numpy as np
import pandas as pd

EDGES = np.array([0, 7, 14, 21, 28, 42, 56, 84, 112, 140, 168, 224, 280, 364, 546, 728])  # days
SPANS = len(EDGES) - 1
LO, MIDDLE, HI = 0.1, 0.5, 0.9  # the ends of an interval that holds 80%, and its median
SPAN = "span"  # the column of a row's place among the spans


@dataclass(frozen=True)
class Params:
    trees: int = 300  # 1 or more
    rate: float = 0.03  # of learning, 0..1
    leaves: int = 15  # of a tree, 2 or more
    smallest_leaf: int = 200  # rows, 1 or more; less where a 50th of all is less
    rows_share: float = 0.5  # of rows that a tree sees, 0..1
    columns_share: float = 0.5  # of columns that a split looks at, 0..1
    ridge: float = 10.0  # on leaves, 0 or more
    seed: int = 0


@dataclass
class Closing:
    """A model of closings."""

    columns: tuple[str, ...] = ()  # that are looked at; empty: all
    params: Params = field(default_factory=Params)

    def fit(self, features: pd.DataFrame, days: np.ndarray, is_closed: np.ndarray) -> "Closing":
        """Learn.

        Args:
            days: up to the closing, or to the last day that is known. (N)
        """
        by = self.params
        known = features[list(self.columns)] if self.columns else features
        who, span, label, weight = spans(days, is_closed)
        rows = known.iloc[who].assign(**{SPAN: span.astype(np.float32)})
        settings = {
            "objective": "binary",
            "learning_rate": by.rate,
            "num_leaves": by.leaves,
            "min_data_in_leaf": max(1, min(by.smallest_leaf, len(rows) // 50)),
            "bagging_fraction": by.rows_share,
            "bagging_freq": 1,
            "feature_fraction_bynode": by.columns_share,
            "lambda_l2": by.ridge,
            "seed": by.seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }
        learnt = lightgbm.Dataset(rows, label, weight=weight)
        self.trees = lightgbm.train(settings, learnt, by.trees)
        return self

    def hazards(self, features: pd.DataFrame) -> np.ndarray:
        """Chance to end in each span of who has come to it. (N, K)"""
        names = self.trees.feature_name()
        count = len(features)
        rows = features.loc[features.index.repeat(SPANS)]
        rows = rows.assign(**{SPAN: np.tile(np.arange(SPANS, dtype=np.float32), count)})
        found = np.asarray(self.trees.predict(rows[names])) if count else np.zeros(0)
        return np.clip(found, 1e-6, 1 - 1e-6).reshape(count, SPANS)


def spans(days: np.ndarray, is_closed: np.ndarray) -> tuple[np.ndarray, ...]:
    """Every span that was lived through or ended in.

    Returns:
        place in N, place of the span, 1 where it ended there, and how much of it was seen (0..1).
    """
    who, span = np.nonzero(days[:, None] > EDGES[:-1])
    until, start, end = days[who], EDGES[span], EDGES[span + 1]
    label = (is_closed[who] & (until <= end)).astype(int)
    seen = np.where(label == 1, 1.0, (np.minimum(until, end) - start) / (end - start))
    return who, span, label, seen


def quantiles(hazards: np.ndarray) -> pd.DataFrame:
    """Days until a part of all that look the same have closed; 728 stands for that or later.

    Within a span they end at an even rate.

    Returns:
        close_days (median), close_days_lo, close_days_hi: whole days, 1 or more.
    """
    gone = np.concatenate(
        [np.zeros((len(hazards), 1)), np.cumsum(-np.log1p(-hazards), axis=1)], axis=1
    )  # (N, K + 1) of the logarithm of who is left
    named = {"close_days": MIDDLE, "close_days_lo": LO, "close_days_hi": HI}
    found = {
        name: np.array([np.interp(-np.log1p(-part), row, EDGES) for row in gone])
        for name, part in named.items()
    }
    return pd.DataFrame(found).round().clip(lower=1).astype(int)


def log_loss(hazards: np.ndarray, days: np.ndarray, is_closed: np.ndarray) -> np.ndarray:
    """- log of the chance given to the span in which it ended, or to have lived so long; nats. (N)

    0 or more, lower is better; right of those too that have not ended.
    """
    who, span, label, seen = spans(days, is_closed)
    chance = hazards[who, span]
    nats = np.where(label == 1, -np.log(chance), -seen * np.log1p(-chance))
    found: np.ndarray = np.bincount(who, nats, minlength=len(days))
    return found
