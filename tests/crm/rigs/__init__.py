"""The CRMs that the conformance suite runs on: one file each, with `rig()`.

`rig(folder)` is a context manager that starts the CRM's server once for all tests and gives a Rig.
"""

import importlib
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, cast

from infra.sandbox.upstream import Tls
from jobs.crm.adapter import Adapter, Kind

NAMES = sorted(p.stem for p in Path(__file__).parent.glob("[!_]*.py"))


class Rig(Protocol):
    """A CRM under test, and a person at it.

    `lacks` names the cases that this CRM cannot have, and why: they are reported as skipped with
    these words. A case is the name of a test of test_conformance.py without `test_`.
    """

    name: str
    lacks: Mapping[str, str]
    key: str  # the field that the CRM keeps unique
    age: str  # a field that people write, and what they write into it
    ages: tuple[str, str]  # two values of it
    probes: Mapping[Kind, str]  # a field of each kind that the pipeline may write
    too_much: tuple[str, str]  # a field, and a value that the CRM refuses in it
    url: str  # of the server
    tls: Tls | None  # what a proxy before it needs; null: it speaks plain HTTP

    def adapter(self, url: str | None = None, secret: str | None = None, **sizes: Any) -> Adapter:
        """The pipeline's own; `url` leads through a proxy, `page_records` makes small pages."""
        ...

    def has(self, keys: Collection[str]) -> None:
        """Now the CRM has these customers, active, without scores, and no others."""
        ...

    def edit(self, key: str, field: str, value: str | None) -> None:
        """A person writes into a field."""
        ...

    def delete(self, key: str) -> None: ...

    def merge(self, key: str, into: str) -> None: ...

    def write_together(self, keys: Collection[str]) -> None:
        """Write all these records so that they carry one instant of change."""
        ...


def start(name: str, folder: Path) -> AbstractContextManager[Rig]:
    module = importlib.import_module(f"tests.crm.rigs.{name}")
    return cast(AbstractContextManager[Rig], module.rig(folder))
