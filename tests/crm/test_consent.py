"""An objection said at the CRM goes all the way: landed, into the outbox, and back to the CRM."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from jobs import lake as tables
from jobs.delivery.apply import apply
from jobs.delivery.plan import plan
from jobs.sources import crm as source
from jobs.spark import catalog, session, store
from jobs.spark.build import build
from jobs.table import built_table, columns, table
from tests.crm import maps
from tests.tryton_server import Crm

pytestmark = pytest.mark.services
DAY = dt.date(2017, 11, 26)
SAID = {"__class__": "date", "year": 2017, "month": 11, "day": 25}
ANSWER = {
    "standing": 0.5,
    "rank": 1,
    "product_id": "milk",
    "score_name": "next_best_product",
    "score": 0.5,
    "grade": "A",
    "trend": "new",
    "reasons": [("bought_often", "Buys it again and again")],
    "model_name": "repeat",
    "model_version": "1",
    "feature_version": 1,
    "as_of_date": DAY,
    "valid_until": DAY + dt.timedelta(days=14),
}


def write(name: str, *rows: dict[str, Any]) -> None:
    """Put rows into a new table as the first build of it does."""
    which = built_table(name)
    contract = columns(which.full_schema)
    ddl = ", ".join(f"{c.name} {c.type}" for c in contract)
    with session.opened(name) as spark:
        catalog.create(spark, which)
        frame = spark.createDataFrame([[row.get(c.name) for c in contract] for row in rows], ddl)
        store.append(frame.select(*[F.col(c.name) for c in contract]), which, {})


def build_outbox() -> dict[str, dict[str, Any]]:
    for name in ("bronze.accounts", "silver.accounts", "scores.crm_outbox"):
        build(table(name))
    return {row["account_id"]: row for row in tables.read("scores.crm_outbox").to_pylist()}


def test_who_objects_gets_no_offer_and_loses_the_one_delivered(
    crm: Crm, lake: object, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = maps.shipped("tryton")
    told["reads"] = {"accounts": told["reads"]["accounts"]}
    maps.use(monkeypatch, state, told, crm.settings.crm_url, "unused")
    monkeypatch.setattr(source, "connect", lambda *_: crm.adapter)
    source.land(DAY, DAY)
    write("scores.recommendations", *({**ANSWER, "account_id": a} for a in ("101", "102")))
    write("features.account_days")
    write("silver.products")
    write("scores.account_scores")
    write("scores.account_segments")
    write("silver.account_identities")
    assert {a: row["is_contactable"] for a, row in build_outbox().items()} == {
        "101": True,
        "102": True,
    }
    apply("tryton", plan("tryton", crm=crm.adapter).plan_id, crm.adapter)
    assert crm.shows("101", "score_next_products") == "milk"

    crm.edit("101", no_marketing=True, no_marketing_date=SAID)
    (landed,) = source.land(DAY, DAY)
    assert landed.mode == "changes"
    row = build_outbox()["101"]
    assert (row["is_contactable"], row["objected_date"]) == (False, dt.date(2017, 11, 25))
    made = plan("tryton", crm=crm.adapter)
    assert (made.records, made.updates) == (1, 0)
    apply("tryton", made.plan_id, crm.adapter)
    gone = ("score_next_products", "score_reasons", "score_grade", "score_value")
    assert [crm.shows("101", field) for field in gone] == [None] * len(gone)
    assert crm.shows("102", "score_next_products") == "milk"
