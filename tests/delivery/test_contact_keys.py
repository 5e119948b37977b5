"""A customer that the CRM knows by another number is found by the e-mail address."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from jobs import lake
from jobs.delivery import contact_keys
from jobs.delivery import mapping as mappings
from jobs.delivery.apply import apply
from jobs.delivery.entries import EMAIL
from jobs.delivery.mapping import MappingError
from jobs.delivery.plan import plan
from jobs.delivery.verify import verify
from tests.delivery import outbox
from tests.tryton_server import Crm


def told(
    account: str, email: str | None, day: int, pull: int = 1, row: int = 1
) -> dict[str, object]:
    """A row of bronze.accounts."""
    return {
        "account_id": account,
        "email": email,
        "as_of_date": dt.date(2017, 11, day),
        "_known_at": dt.datetime(2017, 11, day, 6, tzinfo=dt.UTC),
        "_batch_id": f"crm/2017-11-{day}.{pull:03}",
        "_row_number": row,
    }


@pytest.fixture
def by_email(crm: Crm, connections: Path) -> Crm:
    """The CRM, whose connection has one rung more."""
    of, rung = connections / "tryton.yaml", "  - {field: code, from: account_id}\n"
    ladder = f"{rung}  - {{field: email, from: {EMAIL}}}\n"
    of.write_text(of.read_text().replace(rung, ladder))
    return crm


@pytest.mark.services
def test_the_newest_address_finds_the_record_and_no_table_keeps_it(by_email: Crm) -> None:
    crm = by_email
    rows = [
        told("shop 1", "household-102@example.com", 25),
        told("shop 1", "household-103@example.com", 26, row=900),
        told("shop 1", " Household-101+shop@Example.com", 26, pull=2),
        told("shop 4", "household-106@example.com", 26),  # of one household with 106
        told("shop 2", None, 26),  # nothing to be found by
        told("shop 3", "not an address", 26),
        told("106", "household-107@example.com", 26),  # our own key comes first
    ]
    write_deltalake(lake.location("bronze.accounts"), pa.Table.from_pylist(rows))
    outbox.write([outbox.row(a) for a in ("shop 1", "shop 2", "shop 3", "shop 4", "106")])
    made = plan("tryton", crm=crm.adapter)
    assert (made.records, made.blocked) == (2, 3)
    assert apply("tryton", crm=crm.adapter).outcomes == {"written": 2}
    assert not verify("tryton", crm=crm.adapter).differing
    shown = {a: crm.shows(a, "score_grade") for a in ("101", "102", "106", "107")}
    assert shown == {"101": "B", "102": None, "106": "B", "107": None}
    for table in ("crm_mirror", "crm_state", "crm_plans", "crm_plan_items", "crm_deliveries"):
        assert "@" not in str(lake.read(f"ops.{table}").to_pylist()), table


@pytest.mark.services
def test_keys_of_another_installation_are_made_anew(
    by_email: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [told("shop 1", "household-101@example.com", 26)]
    write_deltalake(lake.location("bronze.accounts"), pa.Table.from_pylist(rows))
    outbox.write([outbox.row("shop 1")])
    for installation in ("first", "second"):
        monkeypatch.setenv("SALES_SECRET_CONTACT_KEYS", installation)
        assert plan("tryton", crm=by_email.adapter).records == 1


def test_addresses_of_one_mailbox_have_one_key_of_this_installation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SALES_SECRET_CONTACT_KEYS", "first")
    key = contact_keys.hashing()
    assert key("Jo.Smith+news@gmail.com") == key("josmith@gmail.com") != key("jo@gmail.com")
    assert key("no address") is key("") is key(None) is None
    monkeypatch.setenv("SALES_SECRET_CONTACT_KEYS", "second")
    assert contact_keys.hashing()("josmith@gmail.com") != key("josmith@gmail.com")


def test_the_first_key_is_one_of_our_own() -> None:
    text = f"""
        adapter: tryton
        match: [{{field: email, from: {EMAIL}}}]
        purposes: {{p: {{text: to advise, legal_basis: consent}}}}
        fields: {{grade: {{from: grade, as: as_is, ownership: always, purpose: p}}}}
    """
    with pytest.raises(MappingError, match=r"accounts\.email cannot be the first key"):
        mappings.parse("x", text)
