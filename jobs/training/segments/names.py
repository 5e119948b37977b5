"""What a segment is called: by the rules of segments.yaml, from its centre against all accounts."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Self

import pandas as pd
from pydantic import Field, ValidationError, model_validator

from jobs import reviewed
from jobs.reviewed import NoYaml, Part, Text
from jobs.spark.scores.segment_moves import NOWHERE
from jobs.training.segments.features import NAMES

FILE = Path(__file__).with_name("segments.yaml")
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
SLACK = 0.1  # of a place, and of a unit's value: within it a name that was given still fits


class BadNames(ValueError):
    """segments.yaml is not what it should be; the message names every fault at once."""


class Condition(Part):
    """On one feature of a centre; null: no such bound."""

    at_least: float | None = None  # in the feature's unit
    at_most: float | None = None
    place_at_least: float | None = Field(None, ge=0, le=1)  # among all accounts
    place_at_most: float | None = Field(None, ge=0, le=1)

    @model_validator(mode="after")
    def says_something(self) -> Self:
        low, high = (self.at_least, self.place_at_least), (self.at_most, self.place_at_most)
        if all(bound is None for bound in (*low, *high)):
            raise ValueError("has no bound: give at_least, at_most or one of a place")
        for least, most in zip(low, high, strict=True):
            if least is not None and most is not None and least > most:
                raise ValueError(f"nothing is at least {least} and at most {most}")
        return self

    @property
    def is_upward(self) -> bool:
        """Whether the higher a value is, the farther it is on the condition."""
        return self.at_least is not None or self.place_at_least is not None

    def holds(self, value: float, place: float, slack: float = 0.0) -> bool:
        """Of a centre's value and place; never of one that is not known.

        Args:
            slack: by which a bound may be missed, of a place or of a unit's value.
        """
        unit = slack * abs(value)
        pairs = (
            (self.at_least, value + unit, 1),
            (self.at_most, value - unit, -1),
            (self.place_at_least, place + slack, 1),
            (self.place_at_most, place - slack, -1),
        )
        asked = [(bound, seen, sign) for bound, seen, sign in pairs if bound is not None]
        return all(sign * seen >= sign * bound for bound, seen, sign in asked)


class Name(Part):
    code: str = Field(pattern=f"^{CODE.pattern}$")
    text: Text
    why: str = Field(min_length=1)


class Rule(Name):
    when: Mapping[str, Condition] = Field(min_length=1)

    def fits(self, centre: pd.Series, places: pd.Series, slack: float = 0.0) -> bool:
        return all(
            one.holds(float(centre[name]), float(places[name]), slack)
            for name, one in self.when.items()
        )

    def strength(self, places: pd.Series) -> float:
        """How far a centre is on the first condition: 0 to 1."""
        name, first = next(iter(self.when.items()))
        place = float(places[name])
        return place if first.is_upward else 1 - place


class Names(Part):
    """segments.yaml."""

    names: tuple[Rule, ...] = Field(min_length=1)
    otherwise: Name

    def text(self, code: str) -> Text:
        """A code's words, of a numbered one with its number; one of an older file is its own."""
        for name in (*self.names, self.otherwise):
            if name.code == code:
                return name.text
        begin, _, number = code.rpartition("_")
        if begin == self.otherwise.code and number.isdigit():
            text = self.otherwise.text
            return Text(en=f"{text.en} {number}", zh=f"{text.zh} {number}")
        return Text(en=code, zh=code)

    def name(
        self, centres: pd.DataFrame, places: pd.DataFrame, kept: Mapping[int, str]
    ) -> dict[int, str]:
        """A code for each segment, each code once.

        Args:
            centres: by segment, a column per feature; places: the same.
            kept: segment → the code it has, and keeps while the file has it.
        """
        value, place = centres.T, places.T  # a column per segment
        ids = [int(one) for one in centres.index]
        found = {one: kept[one] for one in ids if self._has(kept.get(one))}
        for rule in self.names:
            free = [one for one in ids if one not in found]
            meet = [one for one in free if rule.fits(value[one], place[one])]
            if meet and rule.code not in found.values():
                strength = {one: rule.strength(place[one]) for one in meet}
                found[max(strength, key=lambda one: strength[one])] = rule.code
        rest = (code for code in self._numbered() if code not in found.values())
        return {one: found[one] if one in found else next(rest) for one in ids}

    def _has(self, code: str | None) -> bool:
        rest = re.compile(rf"{re.escape(self.otherwise.code)}(_\d+)?")
        rules = {rule.code for rule in self.names}
        return code is not None and (code in rules or rest.fullmatch(code) is not None)

    def _numbered(self) -> Iterator[str]:
        code = self.otherwise.code
        return (code if number == 1 else f"{code}_{number}" for number in count(1))

    def worn(
        self, codes: Mapping[int, str], centres: pd.DataFrame, places: pd.DataFrame
    ) -> list[str]:
        """Codes whose segments are no longer what the rule says, by more than SLACK."""
        rules, value, place = {rule.code: rule for rule in self.names}, centres.T, places.T
        return [
            code
            for one, code in codes.items()
            if (rule := rules.get(code)) and not rule.fits(value[one], place[one], SLACK)
        ]


@cache
def names(path: Path = FILE) -> Names:
    """Read segments.yaml.

    Raises:
        BadNames: it is not of this form.
    """
    try:
        told = reviewed.read_file(path)
    except NoYaml as error:
        raise BadNames(f"{path.name}: {error}") from None
    faults = _across(told)
    try:
        found = Names.model_validate(told)
    except ValidationError as error:
        faults = [*(reviewed.fault_of(one) for one in error.errors()), *faults]
    if faults:
        raise BadNames(f"{path.name}: {'; '.join(faults)}")
    return found


def _across(told: Any) -> list[str]:
    """Faults of what was read that no part sees alone: told beside the parts', not after them."""
    rules = told.get("names") if isinstance(told, dict) else None
    listed = rules if isinstance(rules, list) else []
    parts = [one for one in listed if isinstance(one, dict)]
    whens = [one.get("when") for one in parts]
    asked = [str(name) for when in whens if isinstance(when, dict) for name in when]
    faults = [
        f"when: no feature {name}; the features are: {', '.join(NAMES)}"
        for name in dict.fromkeys(asked)
        if name not in NAMES
    ]
    rest = told.get("otherwise") if isinstance(told, dict) else None
    codes = [str(one["code"]) for one in (*parts, rest) if isinstance(one, dict) and "code" in one]
    if NOWHERE in codes:
        faults.append(f"code {NOWHERE}: stands for those in no segment; take another")
    doubles = [code for code in dict.fromkeys(codes) if codes.count(code) > 1]
    return [*faults, *(f"code {code} stands there twice: take another" for code in doubles)]
