"""A small scores.crm_outbox written without Spark, and what a plan made of it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from deltalake import Schema, write_deltalake

from jobs import lake
from jobs.delivery.ledger import ITEM_COLUMNS, Item

AS_OF = dt.date(2017, 11, 26)
REASON = pa.struct([("code", pa.string()), ("text", pa.string())])
SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("is_contactable", pa.bool_()),
        ("objected_date", pa.date32()),
        ("next_products", pa.list_(pa.string())),
        ("next_product_ids", pa.list_(pa.string())),
        ("last_order_date", pa.date32()),
        ("recency_days", pa.int32()),
        ("recency_band", pa.string()),
        ("spend_12_weeks_usd", pa.decimal128(12, 2)),
        ("spend_band", pa.string()),
        ("churn_chance", pa.float64()),
        ("churn_grade", pa.string()),
        ("churn_trend", pa.string()),
        ("churn_reasons", pa.list_(REASON)),
        ("offer_campaign_id", pa.string()),
        ("offer_chance", pa.float64()),
        ("offer_grade", pa.string()),
        ("value_usd", pa.float64()),
        ("value_grade", pa.string()),
        ("segment_name", pa.string()),
        ("score_name", pa.string()),
        ("score", pa.float64()),
        ("grade", pa.string()),
        ("trend", pa.string()),
        ("reasons", pa.list_(REASON)),
        ("model_name", pa.string()),
        ("model_version", pa.string()),
        ("feature_version", pa.int64()),
        ("as_of_date", pa.date32()),
        ("valid_until", pa.date32()),
    ]
)


def row(account_id: str, **given: Any) -> dict[str, Any]:
    """One account's row; what is not given has an ordinary value."""
    return {
        "account_id": account_id,
        "is_contactable": True,
        "objected_date": None,
        "next_products": ["Fluid Milk, National, 1 GA (1029743)", "Bananas, National (1082185)"],
        "next_product_ids": ["1029743", "1082185"],
        "last_order_date": AS_OF,
        "recency_days": 0,
        "recency_band": "this week",
        "spend_12_weeks_usd": Decimal("312.40"),
        "spend_band": "high",
        "churn_chance": 0.625,
        "churn_grade": "D",
        "churn_trend": "declining",
        "churn_reasons": [
            {"code": "since_last_order_high", "text": "Days since the last order: 24"}
        ],
        "offer_campaign_id": "18",
        "offer_chance": 0.25,
        "offer_grade": "B",
        "value_usd": 180.5,
        "value_grade": "C",
        "segment_name": "Loyal",
        "score_name": "next_best_product",
        "score": 0.125,
        "grade": "B",
        "trend": "steady",
        "reasons": [{"code": "bought_often", "text": "Bought again and again"}],
        "model_name": "als",
        "model_version": "3",
        "feature_version": 12,
        "as_of_date": AS_OF,
        "valid_until": AS_OF + dt.timedelta(days=14),
    } | given


def write(rows: Sequence[Mapping[str, Any]]) -> None:
    """Make `rows` the whole outbox."""
    data = pa.Table.from_pylist([dict(r) for r in rows], schema=SCHEMA)
    write_deltalake(lake.location("scores.crm_outbox"), data, mode="overwrite")


def types() -> dict[str, str]:
    """Its columns with their types as Delta writes them."""
    fields = Schema.from_arrow(SCHEMA).fields
    return {field.name: str(getattr(field.type, "type", "array")) for field in fields}


def planned(plan_id: str) -> list[Item]:
    """What a plan says, as it was written down."""
    sql = f"select {', '.join(ITEM_COLUMNS)} from t where plan_id = '{plan_id}'"
    return [Item(**row) for row in lake.read("ops.crm_plan_items", sql=sql).to_pylist()]
