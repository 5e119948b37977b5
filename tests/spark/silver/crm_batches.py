"""Rows of bronze.accounts as batches of the CRM tell them, days of January 2017."""

import datetime as dt
from typing import Any


def said(day: int, account_id: str = "7", **told: Any) -> dict[str, Any]:
    """A customer in a batch of changes: of a day, known in the next morning.

    Args:
        told: columns; `mode` of the batch, `known` (the day by whose closing it was known, if it
            came late), `number` of the batch on its day.
    """
    mode, known, number = told.pop("mode", "changes"), told.pop("known", day), told.pop("number", 1)
    return {
        "account_id": account_id,
        "as_of_date": dt.date(2017, 1, day),
        "_batch_id": f"crm/2017-01-{day:02d}.{number:03d}/{known}",
        "_known_at": dt.datetime(2017, 1, known + 1, 11, tzinfo=dt.UTC),
        "_mode": mode,
        **told,
    }


def snapshot(day: int, *accounts: str, **told: Any) -> list[dict[str, Any]]:
    """All customers there are, saying the same of each."""
    return [said(day, account, mode="snapshot", **told) for account in accounts]
