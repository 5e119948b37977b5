"""Our double of HubSpot, in this process; a person changes the account itself."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.chaos.adapters import HUBSPOT_LAG
from infra.chaos.crms import COLUMNS, Row, Snapshot, text
from infra.sandbox.hubspot.account import Account
from infra.sandbox.hubspot.api import Sandbox
from infra.sandbox.hubspot.limits import Limits
from infra.sandbox.hubspot.properties import KEY, standing
from infra.sandbox.hubspot.serving import served

TOKEN, PERSON = "pat-of-the-double", "token-of-the-person"
BAND = "very high"  # an option that an administrator takes away after the plan


class HubSpotCrm:
    name, tls, user, restart = "hubspot", None, "", None
    secret = TOKEN
    key, fields = KEY, COLUMNS
    hand, other = "score_next_products", "firstname"
    is_conditional, batch = False, 100

    def __init__(self, account: Account, url: str) -> None:
        self._account, self.url = account, url
        self.server, self.needed = {"key": KEY, "object": "contacts"}, dict[str, str]()

    def has(self, keys: Collection[str]) -> None:
        self._account.properties = standing()
        self._account.start(
            {KEY: key, "email": f"c{key}@example.com", "lastname": f"Sample {key}"} for key in keys
        )

    def edit(self, key: str, field: str, value: str) -> None:
        record = self._account.current(key, KEY)
        assert record is not None
        self._account.write([record], {field: value})

    def snapshot(self) -> Snapshot:
        versions, _ = self._account.page("0", 10**9, False)
        # a property that was never set is as one that was emptied
        names = self._account.properties
        rows = tuple(
            Row(v.id, v.properties[KEY], {n: text(v.properties.get(n)) for n in names})
            for v in versions
        )
        return Snapshot(rows, {"properties": len(names)})

    def spoil(self, row: dict[str, Any]) -> None:
        row["spend_band"] = BAND

    def narrow(self) -> None:
        of = self._account.properties["score_spend_band"]
        options = tuple(option for option in of.options if option != BAND)
        self._account.properties[of.name] = replace(of, options=options)


@contextmanager
def opened(folder: Path) -> Iterator[HubSpotCrm]:
    account = Account(HUBSPOT_LAG, HUBSPOT_LAG)
    limits = Limits(ten_seconds=10**6, searches=10**6, daily=10**9)
    with served(Sandbox(account, TOKEN, PERSON, limits)) as url:
        yield HubSpotCrm(account, url)
