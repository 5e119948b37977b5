"""HubSpot: our double, whose requests and answers HubSpot's own client would know."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from infra.sandbox.hubspot.account import Account
from infra.sandbox.hubspot.api import Sandbox
from infra.sandbox.hubspot.limits import Limits
from infra.sandbox.hubspot.properties import KEY
from infra.sandbox.hubspot.serving import served
from jobs.crm.adapter import Kind
from jobs.crm.hubspot import HubSpot
from jobs.crm.hubspot_calls import Session
from jobs.crm.throttle import Throttle

LAG = 0.2  # seconds, of the double's searches; HubSpot's are 10 and 60
REQUEST_SECONDS = 3.0
TOKEN, PERSON = "pat-of-the-double", "token-of-the-person"


class HubSpotRig:
    name = "hubspot"
    tls = None
    lacks: Mapping[str, str] = {}
    key = KEY
    age = "age_band"
    ages = ("45-54", "65+")
    probes: Mapping[Kind, str] = {
        "text": "score_reasons",
        "number": "score_value",
        "date": "score_as_of",
        "timestamp": "score_delivered_at",
        "boolean": "score_is_new",
    }
    too_much = ("score_spend_band", "no-such-band")

    def __init__(self, sandbox: Sandbox, url: str) -> None:
        self.sandbox, self.url = sandbox, url
        self._http = httpx.Client(headers={"Authorization": f"Bearer {PERSON}"}, timeout=60)

    def adapter(self, url: str | None = None, secret: str | None = None, **sizes: Any) -> HubSpot:
        # the suite asks faster than an account may be
        session = Session(url or self.url, secret or TOKEN, Throttle(1000), REQUEST_SECONDS, 1000)
        return HubSpot(session, KEY, request_seconds=REQUEST_SECONDS, search_lag=LAG + 0.1, **sizes)

    def person(self, what: str, **told: Any) -> Any:
        """Do something at the CRM, see infra/sandbox/hubspot/person.py."""
        answer = self._http.post(f"{self.url}/sandbox/{what}", json=told)
        answer.raise_for_status()
        return answer.json()

    def has(self, keys: Collection[str]) -> None:
        self.person("start", records=[contact(key) for key in keys])

    def edit(self, key: str, field: str, value: str | None) -> None:
        self.person("edit", key=key, values={field: value or ""})

    def delete(self, key: str) -> None:
        self.person("archive", key=key)

    def merge(self, key: str, into: str) -> None:
        self.person("merge", key=key, into=into)

    def write_together(self, keys: Collection[str]) -> None:
        self.person("together", keys=list(keys), values={"phone": "1"})


def contact(key: str) -> dict[str, str]:
    return {KEY: key, "email": f"c{key}@example.com", "lastname": f"Sample {key}"}


@contextmanager
def rig(folder: Path) -> Iterator[HubSpotRig]:
    limits = Limits(ten_seconds=100_000, searches=100_000)
    sandbox = Sandbox(Account(LAG, LAG), TOKEN, PERSON, limits)
    with served(sandbox) as url:
        yield HubSpotRig(sandbox, url)
