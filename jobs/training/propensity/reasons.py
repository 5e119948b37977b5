"""Why a score is what it is: a model's own terms, by themes that people review, in their words.

A reason is a theme of churn.yaml or offer.yaml: features that say nearly the same share what trees
make of them by chance, so that one alone is no reason, and their sum is. The terms are exact
(see `classifier.Explains`); the code is the theme and which way it pushes this customer.
"""

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from string import Formatter
from typing import Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from jobs import reviewed
from jobs.reviewed import Part, Text
from jobs.training.propensity.classifier import BASE, Explains, Rows

HOME = Path(__file__).parent
MOST = 5  # reasons of a score
MOST_ROWS = 5_000  # that tell a direction: a deep forest's terms of all it learnt take minutes
MIDDLE = 0.5  # of a rank
LEAST = 0.05  # log-odds that a reason adds or takes; less is told of nobody


class BadReasons(ValueError):
    """A file of reasons is not what it should be; the message names every fault at once."""


class Whole(Part):
    """Words for a theme as a whole, by what it does to the score."""

    adds: Text
    takes: Text


class Theme(Part):
    theme: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    shows: str  # the feature that is told
    # rank: the share of those addressed that it is above
    kind: Literal["number", "share", "usd", "rank"] = Field(alias="as")
    features: tuple[str, ...] = Field(min_length=1)  # patterns of names
    high: Text  # with {value} where the number goes
    low: Text
    none: Text | None = None  # in place of low where the number is 0: "only 0" says nobody
    otherwise: Whole | None = None  # of a rank that says the contrary of the theme as a whole

    @model_validator(mode="after")
    def _a_rank_may_say_the_contrary(self) -> Self:
        if (self.kind == "rank") != (self.otherwise is not None):
            raise ValueError("otherwise: a theme as: rank needs it, and no other has it")
        return self

    @property
    def texts(self) -> tuple[Text, ...]:
        more = (self.otherwise.adds, self.otherwise.takes) if self.otherwise else ()
        return (self.high, self.low, *more, *([self.none] if self.none else []))

    def text(self, value: float, is_high: bool, push: float) -> Text:
        """The words for a value, of a theme that pushes as much, or as little, of it does."""
        if self.otherwise and is_high != (value >= MIDDLE):
            return self.otherwise.adds if push > 0 else self.otherwise.takes
        if is_high:
            return self.high
        return self.none if self.none and value == 0 else self.low

    def has(self, feature: str) -> bool:
        return any(fnmatchcase(feature, pattern) for pattern in self.features)

    def told(self, value: float) -> str:
        if self.kind in ("share", "rank"):
            return f"{value:.0%}"
        return f"{value:,.0f} USD" if self.kind == "usd" else f"{value:,.0f}"


class Reasons(Part):
    """A file of reasons."""

    themes: tuple[Theme, ...] = Field(min_length=1)

    @cached_property
    def by_name(self) -> dict[str, Theme]:
        return {one.theme: one for one in self.themes}

    def theme_of(self, feature: str) -> str | None:
        """The theme that a feature is of: one that names it as it is, else by a pattern."""
        for one in self.themes:
            if feature in one.features:
                return one.theme
        return next((one.theme for one in self.themes if one.has(feature)), None)


def read(name: str, home: Path | None = None) -> Reasons:
    """The reasons of a score, in a file beside its models; null home: the room's own.

    Raises:
        BadReasons: the file is not what it should be.
    """
    path = (home or HOME) / f"{name}.yaml"
    found = reviewed.parsed(Reasons, path, BadReasons)
    wrong = [
        f"themes.{n} {one.theme}: shows {one.shows}, which is not of its features"
        for n, one in enumerate(found.themes)
        if found.theme_of(one.shows) != one.theme
    ]
    wrong += [
        f"themes.{n} {one.theme}: {fault}"
        for n, one in enumerate(found.themes)
        for words in one.texts
        for text in (words.en, words.zh)
        if (fault := _unfit(text))
    ]
    if wrong:
        raise BadReasons(f"{path.name}: {'; '.join(wrong)}")
    return found


def _unfit(text: str) -> str | None:
    """Why a text cannot be told; null: it can."""
    try:
        places = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError as error:
        return f"{text!r}: {error}; write {{{{ or }}}} for a brace"
    others = sorted(places - {"value"})
    return f"{text!r} tells {', '.join(others)}: there is only {{value}}" if others else None


def themes(features: list[str], of: Reasons) -> pd.Series:
    """Feature → theme.

    Raises:
        BadReasons: a feature is in no theme, so it may not be used.
    """
    found = pd.Series({feature: of.theme_of(feature) for feature in features})
    if unknown := list(found.index[found.isna()]):
        raise BadReasons(
            f"{', '.join(unknown)}: in no theme, so no model may use it; name it in one, or drop it"
        )
    return found


def pushes(model: Explains, rows: Rows, of: Reasons) -> pd.DataFrame:
    """What each theme adds to the log-odds of each row, or takes. (N, themes)"""
    terms = model.terms(rows).drop(columns=BASE)
    belongs = themes([str(name) for name in terms], of)
    found: pd.DataFrame = terms.T.groupby(belongs).sum().T
    return found


def directions(model: Explains, rows: Rows, of: Reasons) -> dict[str, int]:
    """Theme → 1 where more of what it shows adds to the score, by and large, -1 where it takes.

    Args:
        rows: what the model has learnt from: a direction is the model's, not of who is asked.
    """
    step = max(-(-len(rows) // MOST_ROWS), 1)
    some = Rows(rows.features.iloc[::step], rows.weekly[::step])
    found = {}
    for name, added in pushes(model, some, of).items():
        shown = some.features[of.by_name[str(name)].shows].rank().to_numpy()
        together = np.cov(shown, added.rank())[0, 1]
        found[str(name)] = 1 if together >= 0 else -1
    return found


def strongest(
    model: Explains,
    rows: Rows,
    directions: Mapping[str, int],
    of: Reasons,
    least: float = LEAST,
) -> pd.DataFrame:
    """Up to five reasons of each row, the strongest first.

    A theme is told as high where it pushes the way that much of it does, so that text and push
    agree: three orders that speak against churn are "3", not "only 3". Where the rank that it shows
    says the contrary (it orders little, and how it orders speaks for it), the words tell none.

    Args:
        directions: see `directions`.
        least: in the unit of the model's terms, that a reason adds or takes.

    Returns:
        row (place in `rows`), rank (from 1), code, en, zh, push (what it adds, or takes).

    Raises:
        BadReasons: a theme is newer than the model.
    """
    added = pushes(model, rows, of)
    if unknown := sorted({*map(str, added)} - directions.keys()):
        raise BadReasons(
            f"{', '.join(unknown)}: no theme when the model was trained, so it cannot tell which "
            "way it pushes; train again"
        )
    rank = added.abs().rank(axis=1, ascending=False, method="first").astype(int)
    parts = []
    for name in added:
        theme, push = of.by_name[str(name)], added[name].to_numpy()
        is_high = push * directions[theme.theme] > 0
        shown = rows.features[theme.shows]
        values = [theme.told(value) for value in shown]
        texts = [theme.text(*one) for one in zip(shown, is_high, push, strict=True)]
        told = {
            "row": np.arange(len(rows)),
            "rank": rank[name].to_numpy(),
            "code": np.where(is_high, f"{theme.theme}_high", f"{theme.theme}_low"),
            "en": [one.en.format(value=v) for one, v in zip(texts, values, strict=True)],
            "zh": [one.zh.format(value=v) for one, v in zip(texts, values, strict=True)],
            "push": push,
        }
        parts.append(pd.DataFrame(told))
    every = pd.concat(parts)
    kept = every[(every["rank"] <= MOST) & (every["push"].abs() >= least)]
    return kept.sort_values(["row", "rank"], ignore_index=True)


def as_json(why: pd.DataFrame, count: int) -> pd.Series:
    """For each of so many rows, in their order, a list of code, en and zh.

    Args:
        why: as `strongest` gives it; empty: nobody has a reason.
    """
    if why.empty:
        return pd.Series("[]", range(count))
    told = zip(why["code"], why["en"], why["zh"], strict=True)
    each = [json.dumps({"code": code, "en": en, "zh": zh}) for code, en, zh in told]
    lists = pd.Series(each).groupby(why["row"].to_numpy()).agg(",".join)
    found: pd.Series = "[" + lists.reindex(range(count), fill_value="") + "]"
    return found
