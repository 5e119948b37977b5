"""The small file that says which faults the wire proxy makes.

faults:
  - {kind: busy, on: 1-3, retry_after: 2}
  - {kind: cut_after, writes: true, call: load, on: [2, 5]}
  - {kind: restart, writes: true, on: 8}
restart: [systemctl, --user, restart, odoo]
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from infra.sandbox.dialects.plain import WireError
from infra.sandbox.faults import Fault

ORDINALS = re.compile(r"(?P<first>\d+)(?:-(?P<last>\d+))?")


def read(path: Path) -> tuple[list[Fault], list[str]]:
    """Faults, and the words of the command that restarts the server; no shell reads them.

    Raises:
        WireError: the file says something else.
    """
    try:
        # all values as text: to YAML 1.1 the word `on` is a truth value
        told = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 makes text only
    except (OSError, yaml.YAMLError) as error:
        raise WireError(f"{path} cannot be read as YAML: {error}") from error
    keys = sorted(told) if isinstance(told, dict) else ["no keys"]
    if more := [key for key in keys if key not in {"faults", "restart"}]:
        raise WireError(f"{path} has {more}; known are `faults` and `restart`")
    if not isinstance(told.get("faults"), list):
        raise WireError(f"{path}: `faults` is no list; give one entry for each fault")
    faults = [_fault(f"{path}, fault {at}", each) for at, each in enumerate(told["faults"], 1)]
    return faults, list(told.get("restart", []))


def _fault(where: str, told: Any) -> Fault:
    if not isinstance(told, dict):
        raise WireError(f"{where} is {told!r}; give it as `kind: {told}`")
    if unknown := sorted(told.keys() - READERS.keys()):
        raise WireError(f"{where} has {unknown}; known are {', '.join(READERS)}")
    if "kind" not in told:
        raise WireError(f"{where} has no `kind`")
    values = {}
    for name, value in told.items():
        try:
            values[name] = READERS[name](value)
        except (TypeError, ValueError) as error:
            raise WireError(f"{where}: `{name}` is {value!r}: {error}") from error
    return Fault(**values)


def _ordinals(told: Any) -> tuple[int, ...]:
    """Of `2`, `2-5` or a list of these."""
    if isinstance(told, list):
        return tuple(number for each in told for number in _ordinals(each))
    if not (found := ORDINALS.fullmatch(told)) or not int(found["first"]):
        raise ValueError("give numbers from 1, such as 2, 2-5 or [1, 4]")
    return tuple(range(int(found["first"]), int(found["last"] or found["first"]) + 1))


def _truth(told: str) -> bool:
    if told not in {"true", "false"}:
        raise ValueError("give true or false")
    return told == "true"


def _pattern(told: str) -> str:
    try:
        return re.compile(told).pattern
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error


READERS: Mapping[str, Callable[[Any], Any]] = {
    "kind": str,
    "on": _ordinals,
    "writes": _truth,
    "call": _pattern,
    "seconds": float,
    "retry_after": float,
}
