"""A small scores.next_actions written without Spark."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from jobs import lake
from tests.delivery.outbox import AS_OF, REASON

SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("playbook", pa.string()),
        ("period_start_date", pa.date32()),
        ("action", pa.string()),
        ("channel", pa.string()),
        ("due_date", pa.date32()),
        ("text", pa.string()),
        ("text_zh", pa.string()),
        ("expected_value_usd", pa.decimal128(12, 2)),
        ("priority", pa.int32()),
        ("reason_code", pa.string()),
        ("reasons", pa.list_(REASON)),
        ("as_of_date", pa.date32()),
        ("valid_until", pa.date32()),
    ]
)
PERIOD = dt.date(2017, 11, 13)


def row(account_id: str, **given: Any) -> dict[str, Any]:
    """One customer's action; what is not given has an ordinary value."""
    return {
        "account_id": account_id,
        "playbook": "call_leaving",
        "period_start_date": PERIOD,
        "action": "call",
        "channel": "phone",
        "due_date": AS_OF + dt.timedelta(days=3),
        "text": "Call and ask what is missing: eight weeks usually bring $120.00",
        "text_zh": "打电话询问客户需要什么：八周通常带来 $120.00",
        "expected_value_usd": Decimal("7.50"),
        "priority": 1,
        "reason_code": "call_leaving",
        "reasons": [{"code": "call_leaving", "text": "No order within four weeks is likely"}],
        "as_of_date": AS_OF,
        "valid_until": AS_OF + dt.timedelta(days=14),
    } | given


def nothing(account_id: str) -> dict[str, Any]:
    """A customer for whom nothing is to be done."""
    no_words = dict.fromkeys(("channel", "due_date", "text", "text_zh", "priority"))
    return row(account_id, playbook="nothing", action="nothing", **no_words)


def key(account_id: str, playbook: str = "call_leaving", period: dt.date = PERIOD) -> str:
    return f"{account_id}|{playbook}|{period}"


def write(rows: Sequence[Mapping[str, Any]]) -> None:
    """Make `rows` all of the actions."""
    data = pa.Table.from_pylist([dict(r) for r in rows], schema=SCHEMA)
    write_deltalake(lake.location("scores.next_actions"), data, mode="overwrite")
