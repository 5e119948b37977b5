"""What a field of the CRM is made of one of our rows: the functions that a mapping may name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

Transform = Literal["as_is", "lines", "texts", "words", "first", "link"]


def _as_is(values: Sequence[Any]) -> Any:
    return values[0]


def _lines(values: Sequence[Any]) -> str:
    return "\n".join(str(item) for item in values[0] or [] if item is not None)


def _texts(values: Sequence[Any]) -> str:
    return "\n".join(str(item["text"]) for item in values[0] or [] if item and item["text"])


def _words(values: Sequence[Any]) -> str:
    return " ".join(str(value) for value in values if value is not None)


def _first(values: Sequence[Any]) -> Any:
    return next((item for item in values[0] or [] if item is not None), None)


def _link(values: Sequence[Any]) -> str | None:
    """An address and the values behind it, each as one part of a path; null where one is not."""
    to, *parts = ("" if value is None else str(value) for value in values)
    return to + "/".join(quote(part, safe="") for part in parts) if to and all(parts) else None


TRANSFORMS: Mapping[Transform, Callable[[Sequence[Any]], Any]] = {
    "as_is": _as_is,
    "lines": _lines,
    "texts": _texts,
    "words": _words,
    "first": _first,
    "link": _link,
}
