"""Odoo as the CRM that is read: objections and merges, opportunities, activities."""

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from jobs import lake as tables
from jobs.crm import odoo_key
from jobs.crm.access import Access
from jobs.crm.adapter import Change, CrmError
from jobs.crm.json2 import Protocol, Session
from jobs.crm.odoo_objects import OdooObjects, has
from jobs.landing import Manifest
from jobs.sources import crm as source
from jobs.spark import catalog, session
from jobs.spark.build import build
from jobs.table import built_table, table
from tests.crm import maps
from tests.odoo_server import PARTNER, Crm, served

pytestmark = pytest.mark.services
KEYS = ["301", "302", "303"]
DAY = dt.date(2017, 11, 26)
WEEK = DAY + dt.timedelta(days=source.RECONCILE_DAYS)
LEAD, ACTIVITY = "crm.lead", "mail.activity"

Rows = dict[str | None, dict[str, str | None]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crm]:
    with served(tmp_path_factory.mktemp("odoo-source")) as crm:
        yield crm


@pytest.fixture
def crm(server: Crm, state: Path, monkeypatch: pytest.MonkeyPatch) -> Crm:
    """An Odoo with three customers, read as the delivery's own user."""
    for model in (ACTIVITY, LEAD):
        server.call(model, "unlink", server.call(model, "search", domain=[]))
    server.has(KEYS)
    maps.use(monkeypatch, state, maps.shipped("odoo"), server.url, server.key)
    return server


def landed(day: dt.date = DAY) -> dict[str, Rows]:
    """What a pull lands: by system and entity, the rows by their number in the CRM."""
    return {f"{m.system}/{m.entity}": rows(m) for m in source.land(DAY, day)}


def rows(batch: Manifest) -> Rows:
    """By our names, as bronze reads them."""
    [file] = batch.files
    names = batch.columns
    told = pq.read_table(batch.folder / file.name).to_pylist()
    return {
        row["id"]: {names[n]: v for n, v in row.items()} | dict(batch.constants) for row in told
    }


def accounts(told: dict[str, Rows]) -> Rows:
    return {row["account_id"]: row for row in told["crm/accounts"].values()}


def made(crm: Crm, model: str, **values: Any) -> str:
    return str(crm.call(model, "create", vals_list=[values])[0])


def model_id(crm: Crm, model: str) -> int:
    return int(crm.call("ir.model", "search", domain=[["model", "=", model]])[0])


def test_an_objection_arrives_though_it_is_no_write_to_the_customer(crm: Crm) -> None:
    crm.edit("301", email="Household.301@example.com")
    crm.edit("302", email="household-302@example.com")
    assert accounts(landed())["301"]["has_objected"] == "false"
    # a person objects on a form of a campaign, in other letters
    said = crm.call("mail.blacklist", "create", vals_list=[{"email": "household.301@EXAMPLE.com"}])
    told = accounts(landed())
    assert {a: row["has_objected"] for a, row in told.items()} == {"301": "true"}
    crm.call("mail.blacklist", "write", said, vals={"active": False})
    assert accounts(landed())["301"]["has_objected"] == "false"
    crm.call("mail.blacklist", "unlink", said)


def test_a_merged_customer_keeps_its_number_and_names_who_took_its_place(crm: Crm) -> None:
    adapter = crm.adapter()
    landed()
    for key, found in adapter.find("ref", KEYS, []).items():
        adapter.write([Change(key, found[0].id, found[0].revision, {"score.grade": "A"})])
    crm.merge("301", into="302")
    told = accounts(landed())
    assert (told["301"]["merged_into"], told["301"]["is_active"]) == ("302", "false")
    assert "302" not in told or told["302"]["is_active"] == "true"
    crm.merge("302", into="303")
    assert accounts(landed(WEEK))["301"]["merged_into"] == "303", "a snapshot tells it as well"
    assert set(accounts(landed(WEEK + (WEEK - DAY)))) == set(KEYS)


def test_customers_without_a_number_are_left_out_and_counted(
    crm: Crm, caplog: pytest.LogCaptureFixture
) -> None:
    made_up = made(crm, PARTNER, name="Nobody's Household", email="nobody@example.com")
    assert set(accounts(landed())) == set(KEYS)
    crm.call(PARTNER, "unlink", [int(made_up)])
    assert "1 customers without ref are left out" in caplog.text
    assert not [word for word in ("Nobody", "nobody@", "Household") if word in caplog.text]


def test_opportunities_are_landed_with_the_customer_that_they_are_of(crm: Crm) -> None:
    ids = crm.ids()
    contact = int(made(crm, PARTNER, name="A Buyer", parent_id=ids["302"]))
    first = made(
        *(crm, LEAD),
        name="Freezers",
        type="opportunity",
        partner_id=contact,
        probability=20,
        expected_revenue=1200.5,
        date_deadline="2017-12-24",
    )
    nobodys = made(crm, LEAD, name="A walk-in", type="opportunity")
    made(crm, LEAD, name="Not qualified", type="lead", partner_id=ids["301"])
    told = landed()["crm/opportunities"]
    assert set(told) == {first, nobodys}
    row = told[first]
    assert (row["account_id"], told[nobodys]["account_id"]) == ("302", None)
    assert (row["status"], row["stage"], row["is_active"]) == ("open", "New", "true")
    assert (row["expected_amount"], row["currency_code"]) == ("1200.5", "USD")
    assert (row["probability_pct"], row["expected_close_date"]) == ("20", "2017-12-24")
    assert row["closed_at"] is None
    assert not [v for v in row.values() if v and ("Freezers" in v or "Buyer" in v)]


def test_who_looks_after_a_customer_arrives_as_a_number(crm: Crm) -> None:
    [administrator] = crm.call("res.users", "search", domain=[["login", "=", "admin"]])
    crm.edit("302", user_id=administrator)
    told = {a: row["rep_id"] for a, row in accounts(landed()).items()}
    assert told == {"301": None, "302": str(administrator), "303": None}
    crm.edit("302", user_id=False)
    assert accounts(landed())["302"]["rep_id"] is None


def test_opportunities_change_are_lost_and_are_deleted(crm: Crm) -> None:
    ids = crm.ids()
    one, two, three = (
        int(made(crm, LEAD, name="x", type="opportunity", partner_id=ids[key])) for key in KEYS
    )
    assert len(landed()["crm/opportunities"]) == 3
    assert landed() == {}
    crm.call(LEAD, "action_set_won", [one])
    crm.call(LEAD, "action_set_lost", [two])
    told = landed()["crm/opportunities"]
    assert {i: (row["status"], row["is_active"]) for i, row in told.items()} == {
        str(one): ("won", "true"),
        str(two): ("lost", "false"),
    }
    assert told[str(one)]["closed_at"] is not None
    crm.call(LEAD, "unlink", [three])
    assert set(landed(WEEK)["crm/opportunities"]) == {str(one), str(two)}


def test_activities_of_customers_and_of_opportunities_without_their_words(crm: Crm) -> None:
    ids, due = crm.ids(), "2017-12-01"
    deal = made(crm, LEAD, name="x", type="opportunity", partner_id=ids["301"])
    [call] = crm.call("mail.activity.type", "search", domain=[["name", "=", "Call"]])
    words = {"summary": "Ask for Mr. Doe", "note": "his wife is ill", "date_deadline": due}
    about = {PARTNER: ids["302"], LEAD: int(deal)}
    at = {
        model: made(
            *(crm, ACTIVITY),
            **{"res_model_id": model_id(crm, model), "res_id": record, "user_id": 2, **words},
            activity_type_id=call,
        )
        for model, record in about.items()
    }
    told = landed()
    [of_customer] = told["crm/activities"].values()
    [of_deal] = told["crm_activities_of_opportunities/activities"].values()
    assert (of_customer["account_id"], of_customer["opportunity_id"]) == ("302", None)
    assert (of_deal["account_id"], of_deal["opportunity_id"]) == ("301", deal)
    assert (of_deal["activity_type"], of_deal["due_date"]) == ("Call", due)
    assert (of_deal["done_date"], of_deal["is_active"]) == (None, "true")
    assert of_deal["source_object"] == ACTIVITY
    assert not [v for row in (of_deal, of_customer) for v in row.values() if v and "Doe" in v]
    crm.call(ACTIVITY, "action_done", [int(at[LEAD])])
    [done] = landed()["crm_activities_of_opportunities/activities"].values()
    assert done["done_date"] is not None
    assert done["is_active"] == "false"


def test_what_odoo_says_becomes_tables(crm: Crm, lake: Path) -> None:
    ids = crm.ids()
    deal = made(crm, LEAD, name="x", type="opportunity", partner_id=ids["301"], probability=20)
    about = {"res_model_id": model_id(crm, LEAD), "res_id": int(deal), "user_id": 2}
    made(crm, ACTIVITY, summary="call", date_deadline="2017-12-01", **about)
    landed()
    with session.opened("silver.account_identities") as spark:
        catalog.create(spark, built_table("silver.account_identities"))
    for entity in ("accounts", "opportunities", "activities"):
        build(table(f"bronze.{entity}"))
    for name in ("silver.opportunities", "silver.activities"):
        build(table(name))
    assert {row["account_id"] for row in tables.read("bronze.accounts").to_pylist()} == set(KEYS)
    [opportunity] = tables.read("silver.opportunities").to_pylist()
    assert (opportunity["opportunity_id"], opportunity["account_id"]) == (deal, "301")
    assert (opportunity["status"], opportunity["probability_pct"]) == ("open", 20.0)
    [activity] = tables.read("silver.activities").to_pylist()
    assert (activity["account_id"], activity["opportunity_id"]) == ("301", deal)
    assert (activity["due_date"], activity["is_done"]) == (dt.date(2017, 12, 1), False)


def test_the_user_who_reads_may_change_no_opportunity(crm: Crm) -> None:
    deal = int(made(crm, LEAD, name="x", type="opportunity"))
    reader = Session(Access("odoo", crm.url, odoo_key.USER, crm.key))
    for method, named in {
        "write": {"vals": {"expected_revenue": 1.0}},
        "unlink": {},
    }.items():
        with pytest.raises(CrmError, match="not_allowed"):
            reader.call(LEAD, method, [deal], **named)
    with pytest.raises(CrmError, match="not_allowed"):
        reader.call(LEAD, "create", vals_list=[{"name": "y"}])
    crm.call(LEAD, "write", [deal], vals={"expected_revenue": 2.0})
    told = crm.call(LEAD, "read", [deal], fields=["expected_revenue"])
    assert told[0]["expected_revenue"] == 2.0, "others may"


def test_the_user_who_reads_may_change_no_activity(crm: Crm) -> None:
    deal = int(made(crm, LEAD, name="x", type="opportunity"))
    customer = int(crm.ids()["301"])
    reader = Session(Access("odoo", crm.url, odoo_key.USER, crm.key))
    for model, record in ((LEAD, deal), (PARTNER, customer)):
        about = {"res_model_id": model_id(crm, model), "res_id": record, "user_id": 2}
        mine = {"summary": "call", "date_deadline": "2017-12-01", **about}
        activity = int(made(crm, ACTIVITY, **mine))
        for method, ids, named in (
            ("create", None, {"vals_list": [mine]}),
            ("write", [activity], {"vals": {"summary": "mine"}}),
            ("action_done", [activity], {}),
        ):
            with pytest.raises(CrmError, match="not_allowed"):
                reader.call(ACTIVITY, method, ids, **named)


def test_what_odoo_has_not_is_told_and_the_rest_is_landed(
    crm: Crm, state: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told = maps.shipped("odoo")
    told["reads"]["opportunities"]["object"] = "no.such.model"
    maps.use(monkeypatch, state, told, crm.url, crm.key)
    assert "crm/accounts" in landed()
    assert "it has no no.such.model: no opportunities landed" in caplog.text


def test_a_field_that_odoo_has_not_is_named(
    crm: Crm, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = maps.shipped("odoo")
    told["reads"]["opportunities"]["columns"]["stage"] = "stagge_id.name"
    maps.use(monkeypatch, state, told, crm.url, crm.key)
    made(crm, LEAD, name="x", type="opportunity")
    with pytest.raises(CrmError, match=r"Odoo's crm\.lead has no field stagge_id\.name"):
        source.land(DAY, DAY)


def test_a_model_that_may_not_be_read_is_named(crm: Crm) -> None:
    session = Session(Access("odoo", crm.url, odoo_key.USER, crm.key))
    with pytest.raises(CrmError, match=r"Odoo's mail\.mail may not be read: install again"):
        has(session, "mail.mail")


@pytest.mark.parametrize("protocol", ["json2", "jsonrpc"])
def test_what_is_written_while_it_is_read_comes_too(crm: Crm, protocol: Protocol) -> None:
    deals = [int(made(crm, LEAD, name="x", type="opportunity")) for _ in range(5)]
    session = Session(Access("odoo", crm.url, odoo_key.USER, crm.key), protocol=protocol)
    found = OdooObjects(session, LEAD, [["type", "=", "opportunity"]], page_records=2)
    read = found.read(["expected_revenue"])
    first = next(read)
    time.sleep(1.1)  # Odoo tells instants in whole seconds
    crm.call(LEAD, "write", [deals[0]], vals={"expected_revenue": 7.0})
    told = [(r.id, r.values["expected_revenue"]) for r in (first, *read)]
    assert dict(told) == {str(deals[0]): "7"} | dict.fromkeys(map(str, deals[1:]), "0")
    assert told[0] == (str(deals[0]), "0")
