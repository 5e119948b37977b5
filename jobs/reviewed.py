"""YAML that people review: what stands there twice is a fault, and faults quote no line.

A line may hold what somebody put there by mistake, such as a password: it must not reach a log.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

NUMBERS: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    float | None: "a number",
}


class NoYaml(ValueError):
    """Not to be read; the message says where."""


class _NoDoubles(yaml.SafeLoader):
    """YAML takes the last of two lines for one field."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{name} stands there twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


def read(text: str) -> Any:
    """What a text says.

    Raises:
        NoYaml: it is no YAML, or says something twice.
    """
    try:
        # a loader of YAML's safe kind, with one more check
        return yaml.load(text, Loader=_NoDoubles)  # noqa: S506
    except (ValueError, RecursionError):  # a day that is none, a number too long, too deep
        raise NoYaml(
            "no YAML: a day that is none, a number too long, or nested too deeply: mend it"
        ) from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", "") or ""
        where = f" (line {mark.line + 1})" if mark else ""
        said = f": {problem}" if "twice" in problem else ""
        raise NoYaml(f"no YAML{where}{said}: mend it") from None


def read_file(path: Path) -> Any:
    """What a file says.

    Raises:
        NoYaml: as `read`, or it cannot be read.
    """
    return read(text_of(path))


def text_of(path: Path) -> str:
    """A file's text.

    Raises:
        NoYaml: it is not there, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise NoYaml(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise NoYaml("is not UTF-8: save it as that") from None


class Part(BaseModel):
    """A part of a file; what is misspelt is a fault, not ignored."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_yes_for_a_number(cls, given: Any, info: ValidationInfo) -> Any:
        """True would count as 1."""
        kinds = NUMBERS.get(cls.model_fields[str(info.field_name)].annotation)
        if kinds and isinstance(given, bool):
            raise ValueError(f"must be {kinds}")
        return given


P = TypeVar("P", bound=Part)


class Text(Part):
    """What a person reads, in the languages that we have."""

    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)


def as_texts(told: Any) -> Any:
    """Numbers as they are written; anything else is left to be refused."""
    if not isinstance(told, dict):
        return told
    return {name: str(v) if type(v) in {int, float} else v for name, v in told.items()}


# Of a CRM: url, user, secret (a name), and what its adapter asks for; numbers may stand bare
Server = Annotated[Mapping[str, str], BeforeValidator(as_texts)]


def fault_of(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors in our words: the place, the value, what is wrong with it."""
    said, given = error["msg"], error["input"]
    where = ".".join(str(part) for part in error["loc"])
    said = said.removeprefix("Value error, ").replace("Input should be", "must be")
    said = re.sub(r" or instance of \w+", "", said)
    said = said.replace("a valid tuple", "a list").replace(
        "a valid dictionary", "name: value lines"
    )
    if said == "Field required":
        return f"{where} is missing"
    if "should have at least 1 item" in said:
        return f"{where} is empty"
    if said.startswith("Extra inputs"):
        return f"{where}: there is no such setting"
    told = f" {given!r}" if isinstance(given, str | int | float | None) else ""
    return f"{where}{told} {said[0].lower()}{said[1:]}" if where else said


def near(name: str, known: Iterable[str]) -> str:
    """What a name that nobody knows may have been meant to be."""
    names = list(known)
    found = difflib.get_close_matches(name, names, n=1)
    return f"is it {found[0]}?" if found else f"there are {', '.join(names)}"


def parsed(
    kind: type[P],
    path: Path,
    bad: type[Exception],
    told: Callable[[Mapping[str, Any]], str] = fault_of,
    more: Callable[[Any], Iterable[str]] = lambda said: (),
) -> P:
    """A file as the part that it is; raises `bad`, which names the file and every fault at once.

    Args:
        more: faults of what the file says, of whatever form that is, that are none of form.
    """
    try:
        said = read_file(path)
    except NoYaml as fault:
        raise bad(f"{path.name}: {fault}") from None
    faults = [*more(said)]
    try:
        found = kind.model_validate(said)
    except ValidationError as error:
        faults = [*(told(dict(one)) for one in error.errors()), *faults]
    if faults:
        raise bad(f"{path.name}: {'; '.join(faults)}")
    return found
