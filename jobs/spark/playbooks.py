"""Playbooks as people review them: who is offered which action, when, and what it is worth.

The file is jobs/spark/scores/next_actions.yaml. Its shares are assumptions, and are named so: there
is no place in it for an effect that nobody measured.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from string import Formatter
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError, model_validator

from jobs import reviewed
from jobs.reviewed import Part, Text, near
from jobs.settings import ROOT

FILE = Path(__file__).parent / "scores" / "next_actions.yaml"
SEGMENTS = ROOT / "jobs/training/segments/segments.yaml"

Grade = Literal["A", "B", "C", "D", "E"]
Trend = Literal["improving", "steady", "declining", "new"]
Score = Literal["churn", "soft_churn", "offer_response"]
# why a customer is given no action, in the order in which it is asked
Nothing = Literal[
    "not_in_crm",
    "objected",
    "no_playbook",
    "open_activity",
    "contact_limit",
    "cool_down",
    "too_little",
    "capacity",
]
# what a text may tell → what `when` must ask for, so that there is something to tell
SLOTS = {
    "share": None,
    "usual_spend": None,
    "expected_spend": None,
    "churn_chance": "churn",
    "soft_churn_chance": "soft_churn",
    "offer_chance": "offer_response",
    "offer": "open_offer",
    "offer_end": "open_offer",
    "product": "buys_again",
    "days_since_order": "days_since_order",
    "segment": "segments",
}


Channel = Literal["phone", "email", "post"]  # by which a customer is contacted


class BadPlaybooks(ValueError):
    """A file of playbooks is not what it should be; the message names every fault at once."""


def segment_codes() -> list[str]:
    """The names that a segment can have; the last is that of what no rule names.

    The file as it stands: what else it says is checked where segments are made, with libraries that
    the scheduler must not load.

    Raises:
        BadPlaybooks: it has no names.
    """
    try:
        told = reviewed.read_file(SEGMENTS)
        return [*(one["code"] for one in told["names"]), told["otherwise"]["code"]]
    except (reviewed.NoYaml, LookupError, TypeError) as error:
        raise BadPlaybooks(f"{SEGMENTS.name} tells no names of segments: {error}") from None


class Graded(Part):
    """What a score must say."""

    grades: tuple[Grade, ...] = Field(min_length=1)
    trends: tuple[Trend, ...] = Field(("improving", "steady", "declining", "new"), min_length=1)


class Days(Part):
    at_least: int = Field(ge=0)
    at_most: int = Field(ge=0)

    @model_validator(mode="after")
    def in_order(self) -> "Days":
        if self.at_most < self.at_least:
            raise ValueError(f"at_most {self.at_most} is below at_least {self.at_least}")
        return self


class When(Part):
    """What must hold for a customer; what is not named is not asked."""

    churn: Graded | None = None
    soft_churn: Graded | None = None
    offer_response: Graded | None = None
    open_offer: bool | None = None
    open_opportunity: bool | None = None
    buys_again: bool | None = None
    days_since_order: Days | None = None
    segments: tuple[str, ...] | None = Field(None, min_length=1)  # codes of segments.yaml

    def faults(self) -> Iterator[str]:
        known = segment_codes()
        for code in self.segments or ():
            # what no rule of the file names is mixed, mixed_2 and so on
            if code not in known and not re.fullmatch(rf"{known[-1]}_[1-9][0-9]*", code):
                yield f"when.segments {code!r} is no name of {SEGMENTS.name}; {near(code, known)}"


class Worth(Part):
    """USD: chance * spend * assumed_share."""

    chance: Score | None = None  # none: 1
    spend: Literal["usual_spend", "expected_spend"]
    assumed_share: float = Field(gt=0, le=1)


class Playbook(Part):
    playbook: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    action: Literal["call", "coupon", "reorder_reminder", "win_back"]
    channel: Channel
    when: When
    due_days: int = Field(ge=0)
    period_days: int = Field(ge=1)
    cool_down_days: int = Field(ge=0)
    worth: Worth
    text: Text  # what is to be done
    reason: Text  # why

    def faults(self) -> Iterator[str]:
        if self.playbook == "nothing":
            yield "playbook 'nothing' is the name of no action: take another one"
        if self.worth.chance and not getattr(self.when, self.worth.chance):
            yield f"worth.chance {self.worth.chance}: `when` must ask for it"
        yield from self.when.faults()
        if self.due_days >= self.period_days:
            yield f"due_days {self.due_days}: must be below period_days {self.period_days}"
        for name, text in (("text", self.text), ("reason", self.reason)):
            for language in ("en", "zh"):
                for fault in self._of(getattr(text, language)):
                    yield f"{name}.{language} {fault}"

    def _of(self, text: str) -> Iterator[str]:
        try:
            slots = [told for _, *told in Formatter().parse(text) if told[0] is not None]
        except ValueError:
            yield "has a bracket too many: { and } stand around what is told only"
            return
        for name, *form in slots:
            slot = str(name)
            if any(form):
                yield f"tells {slot} in a form of its own: only the name stands in the brackets"
            elif slot not in SLOTS:
                yield f"tells {{{slot}}}, which nobody knows; {near(slot, SLOTS)}"
            elif (needed := SLOTS[slot]) and not getattr(self.when, needed):
                yield f"tells {{{slot}}}: `when` must ask for {needed}"


class Contact(Part):
    """Of a customer: so many contacts in so many days, whoever made them."""

    at_most: int = Field(ge=1)
    days: int = Field(ge=1)
    activity_types: tuple[str, ...] = Field(min_length=1)  # that count, in the words of the CRM


class Playbooks(Part):
    """The file."""

    a_day: int = Field(ge=1)  # actions that all salespeople together take on
    least_usd: float = Field(ge=0)  # below it an action is not worth its time
    contact: Contact
    playbooks: tuple[Playbook, ...] = Field(min_length=1)
    nothing: Mapping[Nothing, Text]

    @property
    def version(self) -> str:
        """A hash of what the file says, without its comments."""
        return sha256(self.model_dump_json().encode()).hexdigest()[:12]


def _faults(told: Any) -> Iterator[str]:
    """Of what a file says, where the form of a part is right, though that of another may not be."""
    parts = told.get("playbooks") if isinstance(told, dict) else None
    named = set[str]()
    for n, part in enumerate(parts if isinstance(parts, list) else ()):
        try:
            one = Playbook.model_validate(part)
        except ValidationError:
            continue  # told of as a matter of form
        where = f"playbooks.{n} {one.playbook}: "
        if one.playbook in named:
            yield f"{where}stands there twice"
        named.add(one.playbook)
        yield from (where + fault for fault in one.faults())
    nothing = told.get("nothing") if isinstance(told, dict) else None
    if isinstance(nothing, dict):
        yield from (f"nothing.{one} is missing" for one in get_args(Nothing) if one not in nothing)


KEYS = sorted(
    {
        key
        for part in (Playbooks, Contact, Playbook, When, Graded, Days, Worth, Text)
        for key in part.model_fields
    }
)


@cache
def read(path: Path = FILE) -> Playbooks:
    """The playbooks of a file.

    Raises:
        BadPlaybooks: the file is not what it should be.
    """
    return reviewed.parsed(Playbooks, path, BadPlaybooks, _fault_of, _faults)


def _fault_of(error: Mapping[str, Any]) -> str:
    told = reviewed.fault_of(error)
    is_unknown = error["type"] == "extra_forbidden"
    return f"{told}; {near(str(error['loc'][-1]), KEYS)}" if is_unknown else told
