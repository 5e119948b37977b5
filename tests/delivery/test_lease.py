"""Of several installations that share a lake one delivers to a connection at a time."""

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs import lake
from jobs.delivery import lease as leases
from jobs.delivery.lease import Lease, LeaseLost
from jobs.delivery.ledger import Busy, writer
from jobs.ops.crm_leases import TABLE

pytestmark = pytest.mark.usefixtures("state")

Installation = Callable[[str], Lease]


@pytest.fixture
def installation(monkeypatch: pytest.MonkeyPatch) -> Installation:
    def named(name: str) -> Lease:
        monkeypatch.setattr(leases, "holder", lambda: name)
        return Lease("tryton")

    return named


def test_another_installation_waits_until_it_is_given_back(installation: Installation) -> None:
    first = installation("first")
    first.take()
    with pytest.raises(LeaseLost, match=r"another installation \(first\) delivers to tryton"):
        installation("second").take()
    first.give_back()
    installation("second").take()
    with pytest.raises(LeaseLost, match="delivers to tryton now"):
        first.keep()


def test_a_killed_delivery_keeps_its_own_installation_from_nothing(
    installation: Installation,
) -> None:
    installation("first").take()
    again = installation("first")
    again.take()
    again.keep()
    assert lake.read(TABLE.name)["holder"].to_pylist() == ["first"]


def test_after_its_end_another_may_take_it(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", -1.0)
    first = installation("first")
    first.take()
    installation("second").take()
    with pytest.raises(LeaseLost):
        first.keep()


def test_a_lease_is_renewed_before_it_ends(installation: Installation) -> None:
    first = installation("first")
    first.take()
    before = lake.read(TABLE.name)["until_at"][0].as_py()
    first._until -= dt.timedelta(seconds=leases.LEASE_SECONDS / 2)
    first.keep()
    assert lake.read(TABLE.name)["until_at"][0].as_py() > before


def test_of_many_that_try_at_once_one_gets_it(installation: Installation) -> None:
    lake.create(TABLE)
    tried = [installation(f"number {n}") for n in range(8)]

    def got(lease: Lease) -> bool:
        try:
            lease.take()
        except LeaseLost:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(got, tried)) == 1


def test_a_delivery_is_told_of_another_installation(installation: Installation) -> None:
    installation("elsewhere").take()
    installation("here")
    with pytest.raises(Busy, match="another installation"), writer("tryton"):
        raise AssertionError("it must not come so far")


def test_an_installation_keeps_its_name(state: Path) -> None:
    assert leases.holder() == leases.holder()
    assert len(leases.holder()) == 12
