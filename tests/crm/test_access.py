"""What a connection says of its CRM's server."""

import pytest

from jobs.crm.access import Access, led_by
from jobs.crm.adapter import CrmError


def access(**options: str) -> Access:
    return Access("crm_eu", "https://crm.example", "ours", "secret", options)


def test_a_server_of_ones_own_has_its_own_longest_time_of_a_request() -> None:
    assert access().request_seconds(60) == 60
    assert access(request_seconds="7.5").request_seconds(60) == 7.5


@pytest.mark.parametrize("told", ["soon", "0", "-1", "nan", "inf"])
def test_what_is_no_time_is_named_with_its_cure(told: str) -> None:
    with pytest.raises(CrmError, match=f"crm_eu: server.request_seconds '{told}': write seconds"):
        access(request_seconds=told).request_seconds(60)


def test_what_an_adapter_cannot_do_without_is_named_at_once() -> None:
    with pytest.raises(CrmError, match=r"crm_eu: server.key, server.object is missing"):
        access().need("object", "key")
    assert "secret" not in repr(access())


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
