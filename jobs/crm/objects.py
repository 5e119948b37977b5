"""What a CRM has beside customers, such as opportunities: read, and never written."""

import datetime as dt
from collections.abc import Collection, Container, Iterator
from typing import Protocol

from jobs.crm.adapter import CrmError, Record


class Objects(Protocol):
    """Records of one kind; an adapter's customers are such a kind. Both raise CrmError."""

    def newest_change(self) -> dt.datetime | None:
        """When any of them was written last, by the CRM's own clock; null: there is none."""
        ...

    def read(self, fields: Collection[str], since: dt.datetime | None = None) -> Iterator[Record]:
        """Those written at or after `since` (null: all), as `read` of an adapter gives them.

        `a.b` names field b of the record that a leads to.
        """
        ...


def refuse_unknown(what: str, known: Container[str], names: Collection[str]) -> None:
    """Raise CrmError where fields, or the first steps of their paths, are none of `what`."""
    if unknown := sorted(name for name in names if name.partition(".")[0] not in known):
        raise CrmError("data", f"{what} has no field {', '.join(unknown)}")
