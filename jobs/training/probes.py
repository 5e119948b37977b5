"""Does a model know what it cannot know? Each probe asks it in another way.

Frames in, `Check`s out; `looked_for_leaks` asks all of them of a family's configuration at a cut.
What none of them can see: a source that dates a row earlier than it was known.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from jobs.spark import cut
from jobs.table import KeepsNoHistory
from jobs.training.data import known
from jobs.training.family import Configuration, Data, Family, Tabular
from jobs.training.gate import Check, Leakage, verdict
from jobs.training.rules import Rules
from jobs.training.shuffles import shuffled

TOLERANCE = 0.002  # of numbers, relative: what multi-threaded libraries differ by
KNOWN_AS = ["known_date", "superseded_date"]


@dataclass(frozen=True)
class Difference:
    """How two frames of the same rows differ: rows of one only, and rows that say other things."""

    rows: int  # of both together
    missing: int  # in the second
    added: int  # in the second
    changed: Mapping[str, int]  # column → rows

    @property
    def count(self) -> int:
        return self.missing + self.added + max(self.changed.values(), default=0)

    def __str__(self) -> str:
        if not self.count:
            return f"none of {self.rows:,} rows differs"
        columns = ", ".join(f"{name} in {n:,}" for name, n in self.changed.items())
        told = f"{self.missing:,} missing, {self.added:,} added, other values of {columns or '-'}"
        return f"{told}; of {self.rows:,} rows"


def difference(
    before: pd.DataFrame, after: pd.DataFrame, key: Sequence[str], tolerance: float = 0.0
) -> Difference:
    """Compare row by row.

    Args:
        key: columns that name a row; the others are compared.
        tolerance: of numbers, relative.

    Raises:
        ValueError: the frames have other columns, or two rows share a key.
    """
    if set(before) != set(after):
        unlike = sorted(map(str, set(before) ^ set(after)))
        raise ValueError(f"not the same columns: {', '.join(unlike)}")
    names = [str(name) for name in before if name not in key]
    plain = [_plain(frame, key) for frame in (before, after)]
    both = plain[0].merge(
        plain[1], how="outer", on=list(key), suffixes=("", ".after"), indicator=True, validate="1:1"
    )
    pairs = both[both["_merge"] == "both"]
    found = {n: int(_other(pairs[n], pairs[f"{n}.after"], tolerance).sum()) for n in names}
    return Difference(
        len(both),
        int((both["_merge"] == "left_only").sum()),
        int((both["_merge"] == "right_only").sum()),
        {name: count for name, count in found.items() if count},
    )


def _plain(frame: pd.DataFrame, key: Sequence[str]) -> pd.DataFrame:
    """Categories as what they stand for: two frames rarely have the same ones."""
    categories = frame.select_dtypes("category").columns
    return frame.astype(dict.fromkeys(categories, "object"))


def _other(a: pd.Series, b: pd.Series, tolerance: float) -> pd.Series:
    both_null = a.isna() & b.isna()
    if pd.api.types.is_numeric_dtype(a) and pd.api.types.is_numeric_dtype(b):
        one, other = (each.to_numpy(float, na_value=np.nan) for each in (a, b))
        same = np.isclose(one, other, rtol=tolerance, atol=tolerance)
        return ~(pd.Series(same, a.index) | both_null)
    return ~((a == b).fillna(False) | both_null)


def column_aucs(features: pd.DataFrame, label: pd.Series) -> pd.Series:
    """How well each column alone tells the label: AUC, .5 to 1, whichever way it points.

    Nulls come before all values. A column of words is ranked by the label's rate in every second
    row and judged on the others, so that an id, which tells all rows apart, tells nothing.

    Args:
        label: 0 or 1; any other number counts as 1 above its median.
    """
    if not label.isin([0, 1]).all():
        label = label > label.median()
    found = {}
    for name in features:
        values, truth = features[name], label.astype(int)
        if not pd.api.types.is_numeric_dtype(values):
            even = np.arange(len(values)) % 2 == 0
            rates = truth[even].groupby(values[even].astype("object")).mean()
            values = values[~even].astype("object").map(rates).fillna(truth[even].mean())
            truth = truth[~even]
        ranks = values.astype(float).rank(na_option="top")
        auc = roc_auc_score(truth, ranks) if truth.nunique() == 2 else 0.5
        found[str(name)] = max(auc, 1 - auc)
    return pd.Series(found, dtype=float)


def single_columns(features: pd.DataFrame, label: pd.Series, most: float) -> Check:
    """A column that alone tells the label has most likely seen it."""
    aucs = column_aucs(features, label)
    return _largest("single_column_auc", aucs, most, len(features), "tells the label with AUC")


def gain_share(gains: Mapping[str, float], most: float) -> Check:
    """A column that brings nearly all of a tree model's gain has most likely seen the label."""
    shares = pd.Series(gains, dtype=float)
    shares = shares / shares.sum() if shares.sum() > 0 else shares
    return _largest("gain_share", shares, most, None, "brings of the model's gain")


def _largest(
    condition: str, values: pd.Series, most: float, subjects: int | None, does: str
) -> Check:
    if values.empty:
        return Check(condition, "does not apply", f"{condition}: there is no column")
    name, value = str(values.idxmax()), float(values.max())
    reason = f"column {name} alone {does} {value:.3f}, at most {most:g}"
    return Check(
        condition,
        verdict(value <= most),
        reason,
        value=value,
        limit_low=None,
        limit_high=most,
        subjects=subjects,
    )


def only_in_one(before: pd.DataFrame, after: pd.DataFrame) -> int:
    """Rows that one frame has and the other has not, or less often: by a hash of all columns."""
    counts = [
        pd.util.hash_pandas_object(frame[list(before)], index=False).value_counts()
        for frame in (before, after)
    ]
    return int(counts[0].sub(counts[1], fill_value=0).abs().sum())


def same_past(whole: Data, past: Data, date: dt.date) -> list[Check]:
    """Frames that keep their history: as known on a day, they are those of tables cut then."""
    checks = []
    for name, frame in whole.frames.items():
        if not set(KNOWN_AS) <= set(frame):
            continue
        then = [known(each, date).drop(columns=KNOWN_AS[1]) for each in (frame, past.frames[name])]
        count = only_in_one(*then)
        reason = f"{name} as known on {date}: {count:,} of {len(then[0]):,} rows differ from"
        checks.append(
            Check(
                "same_past",
                verdict(not count),
                f"{reason} those of tables cut then",
                name,
                count,
                limit_high=0,
                subjects=len(then[0]),
            )
        )
    return checks


def rebuilt_features(tables: Sequence[str], date: dt.date) -> list[Check]:
    """Features tables, and those that they are made from, made again by Spark from cut tables."""
    checks = []
    for name in cut.sources(tables):
        try:
            found = cut.compared(name, date)
        except KeepsNoHistory as error:
            checks.append(Check("rebuilt_features", "does not apply", str(error), name))
            continue
        reason = f"{name} as known on {date}: {found.unlike:,} of {found.rows:,} rows are others"
        checks.append(
            Check(
                "rebuilt_features",
                verdict(not found.unlike),
                f"{reason} when made from tables cut then",
                name,
                found.unlike,
                limit_high=0,
                subjects=found.rows,
            )
        )
    return checks


def same_answers(
    whole: pd.DataFrame, past: pd.DataFrame, again: Callable[[], pd.DataFrame]
) -> Check:
    """A model fitted and asked as of the cut answers the same without all that came after it.

    Args:
        again: the answers of one more fit on the cut tables, for a model that is never twice the
            same: it may then differ as much as from itself, and one row in a hundred more.
    """
    found = _answers_differ(whole, past)
    allowed = 0
    if found.count:
        allowed = _answers_differ(past, again()).count
        allowed += found.rows // 100 if allowed else 0
    reason = f"answers at the cut, from all tables and from tables cut there: {found}"
    if allowed:
        reason += f"; from itself it differs in {allowed:,}"
    outcome = verdict(found.count <= allowed)
    return Check(
        "same_answers", outcome, reason, value=found.count, limit_high=allowed, subjects=found.rows
    )


def _answers_differ(a: pd.DataFrame, b: pd.DataFrame) -> Difference:
    """Answers are named by their first column and their place, a rank or a step ahead."""
    place = "rank" if "rank" in a else "ds"
    key = [str(a.columns[0])] + ([place] if place in a else [])
    return difference(a, b, key, TOLERANCE)


def looked_for_leaks(
    of: Family,
    configuration: Configuration,
    until: dt.date,
    gain: float,
    by: Rules,
    limits: Leakage,
) -> list[Check]:
    """All probes that apply to a configuration, at the cut of the bench that judged it.

    Args:
        gain: its difference to the naive configuration there.
    """
    whole, then = of.data(None), of.data(until)

    def asked(data: Data) -> tuple[Any, pd.DataFrame]:
        model = of.fit(data, configuration, until)
        return model, of.predict(model, data, until, None)

    model, answers = asked(whole)
    checks = rebuilt_features(of.tables, until) + same_past(whole, then, until)
    checks.append(same_answers(answers, asked(then)[1], lambda: asked(then)[1]))
    checks += columns(model, limits)
    checks.append(shuffled(of, configuration, whole, until, answers, gain, by, limits))
    return checks


def columns(model: Any, limits: Leakage) -> list[Check]:
    """The probes of single columns, where a model learns from a table of features."""
    if not isinstance(model, Tabular):
        reason = f"{model.name} learns from no table of features"
        names = ("single_column_auc", "gain_share")
        return [Check(name, "does not apply", reason) for name in names]
    features, label = model.examples()
    return [single_columns(features, label, limits.auc), gain_share(model.gains, limits.gain_share)]
