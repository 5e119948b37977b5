"""What a connection says of its CRM's server."""

import importlib
import re
from pathlib import Path

import pytest

from jobs.crm import access as ways
from jobs.crm.access import Access, connect, led_by, objects
from jobs.crm.adapter import CrmError
from jobs.delivery.mapping import is_adapter

FOLDER = Path(ways.__file__).parent
ADAPTERS = sorted(path.stem for path in FOLDER.glob("*.py") if is_adapter(path.stem))


def access(**options: str) -> Access:
    return Access("crm_eu", "https://crm.example", "ours", "secret", options)


def test_a_server_of_ones_own_has_its_own_longest_time_of_a_request() -> None:
    assert access().request_seconds(60) == 60
    assert access(request_seconds="7.5").request_seconds(60) == 7.5


@pytest.mark.parametrize("told", ["soon", "0", "-1", "nan", "inf"])
def test_what_is_no_time_is_named_with_its_cure(told: str) -> None:
    with pytest.raises(CrmError, match=f"crm_eu: server.request_seconds '{told}': write seconds"):
        access(request_seconds=told).request_seconds(60)


def test_options_that_an_adapter_lacks_or_does_not_know_are_named_at_once() -> None:
    told = access(objekt="Contact", urll="https://other.example", colour="hunter2")
    with pytest.raises(CrmError) as refused:
        connect("salesforce", told)
    assert str(refused.value) == (
        "crm_eu: server.key, server.object is missing; "
        "server.colour: there is no such setting; there are url, user, secret, object, key, "
        "api_version, ca_file, request_seconds; "
        "server.objekt: there is no such setting; is it object?; "
        "server.urll: there is no such setting; is it url?"
    )
    assert "secret" not in repr(access())


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_every_adapter_passes_over_no_option_in_silence(adapter: str) -> None:
    for opened in (connect, lambda name, way: objects(name, way, "deals", [])):
        with pytest.raises(CrmError, match=r"server\.sekret: there is no such setting; is it sec"):
            opened(adapter, access(sekret="hunter2"))


def test_the_options_that_are_told_are_those_that_are_read() -> None:
    read = re.compile(r'options(?:\[|\.get\()"(\w+)"')
    asked = {name for path in FOLDER.glob("*.py") for name in read.findall(path.read_text())}
    told = [importlib.import_module(f"jobs.crm.{adapter}").OPTIONS for adapter in ADAPTERS]
    assert asked == {name for of in told for name in (*of.needed, *of.others)}


def test_a_domain_that_is_no_json_is_told_with_its_cure() -> None:
    with pytest.raises(CrmError, match=r"crm_eu: server.customers '\[' is no JSON: write a domain"):
        connect("odoo", access(customers="["))


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("http://crm.example", "https"),
        ("HTTP://crm.example", "https"),
        (" Http://crm.example", "https"),
        ("https://ann:pw@crm.example", "must be without user and password"),
        ("http://[::1", "is no address"),
    ],
)
def test_no_secret_goes_over_a_network_unencrypted_or_stands_in_an_address(
    url: str, match: str
) -> None:
    with pytest.raises(CrmError, match=match) as refused:
        led_by("crm_eu", {"url": url})
    assert "pw" not in str(refused.value)
