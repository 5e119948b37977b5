"""The link at a customer leads to a page that is there, and to its part about the model."""

import functools
import html
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urldefrag

import httpx
import pytest

from jobs import lake
from jobs.delivery.apply import apply
from jobs.delivery.plan import plan
from jobs.ops import promotions
from jobs.pages import write
from jobs.settings import settings
from tests.delivery import outbox
from tests.test_due import at
from tests.tryton_server import ACCOUNTS, Crm

ODD = {"model_name": "a<b>/ü", "model_version": "3&4"}


@pytest.fixture
def site(state: Path) -> Iterator[str]:
    """The pages as a company would show them: their folder behind a web server."""
    folder = state / "pages/crm"
    serve = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def lead_to(folder: Path, to: str) -> None:
    mapping = folder / "tryton.yaml"
    mapping.write_text(mapping.read_text().replace('to: ""', f'to: "{to}"'))


def deliver(crm: Crm) -> None:
    made = plan("tryton", crm=crm.adapter)
    apply("tryton", made.plan_id, crm.adapter)


@pytest.mark.services
def test_a_link_leads_to_the_part_about_the_model(crm: Crm, connections: Path, site: str) -> None:
    lead_to(connections, f"{site}/tryton.html#")
    outbox.write([outbox.row(account, **ODD) for account in ACCOUNTS])
    deliver(crm)
    write.refresh()
    link = crm.shows("101", "score_link")
    assert link == f"{site}/tryton.html#a%3Cb%3E%2F%C3%BC/3%264"
    page, part = urldefrag(link)
    answer = httpx.get(page)
    assert answer.status_code == 200
    parts = [html.unescape(found) for found in re.findall('id="([^"]*)"', answer.text)]
    assert unquote(part) in parts


@pytest.mark.services
def test_without_an_address_there_is_no_link_and_one_that_was_goes(
    crm: Crm, connections: Path
) -> None:
    outbox.write([outbox.row(account) for account in ACCOUNTS])
    deliver(crm)
    assert crm.shows("101", "score_link") is None
    lead_to(connections, "https://scores.example/#")
    deliver(crm)
    assert crm.shows("101", "score_link") == "https://scores.example/#als/3"
    mapping = connections / "tryton.yaml"
    mapping.write_text(mapping.read_text().replace("https://scores.example/#", ""))
    deliver(crm)
    assert crm.shows("101", "score_link") is None


def test_the_page_tells_of_models_and_fields_and_of_no_customer(state: Path) -> None:
    rows = [outbox.row("4711"), outbox.row("4712"), outbox.row("4713", is_contactable=False)]
    outbox.write(rows)
    decided = {
        "decided_at": at("2017-11-26T08:00"),
        "family": "recommenders",
        "decision": "promoted",
        "model_version": "3",
        "configuration": "als-1",
        "previous_version": None,
        "bench_run_id": "b",
        "reason": "better",
        "decision_id": None,
    }
    lake.append(promotions.TABLE, [decided])
    write.refresh()
    told = (settings().state / "pages/crm/tryton.html").read_text()
    assert '<section id="als/3">' in told
    assert "Matrix factorisation for implicit feedback" in told
    assert "2 customers have a score of it (next best product), as of 2017-11-26" in told
    assert "In use since 2017-11-26 13:00 UTC" in told
    assert "A (best) to E" in told
    assert "yours once you change or clear it" in told
    assert "Set <code>no_marketing</code> to true" in told
    assert "471" not in told
    assert "<script" not in told


def test_a_mapping_that_cannot_be_used_costs_its_own_page_only(
    connections: Path, state: Path
) -> None:
    (connections / "broken.yaml").write_text("adapter: [")
    home = write.refresh().parent
    assert [path.name for path in (home / "crm").iterdir()] == ["tryton.html"]
