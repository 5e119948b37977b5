"""Salesforce: the double, over TLS."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from infra.sandbox.salesforce import certificate, org
from infra.sandbox.salesforce.certificate import Pair
from infra.sandbox.salesforce.serving import served
from infra.sandbox.upstream import Tls
from jobs.crm.access import Access
from jobs.crm.adapter import Kind
from jobs.crm.salesforce import Salesforce
from jobs.crm.throttle import Throttle

SECRET, PERSON = "the-apps-secret", "the-persons-token"
REQUEST_SECONDS = 2.0  # the double does what it is asked at once


class SalesforceRig:
    name = "salesforce"
    lacks: Mapping[str, str] = {}
    key = "Sales_Account_Id__c"
    age = "Age_Band__c"
    ages = ("45-54", "65+")
    probes: Mapping[Kind, str] = {
        "text": "Score_Reasons__c",
        "number": "Score_Value__c",
        "integer": "Score_Rank__c",
        "date": "Score_As_Of__c",
        "timestamp": "Score_Updated_At__c",
    }
    too_much = ("Score_Spend_Band__c", "x" * 41)

    def __init__(self, url: str, pair: Pair) -> None:
        self.url, self.pair = url, pair
        self.tls = Tls(pair.certificate, pair.key, pair.certificate)
        context = self.tls.client()
        self.person = httpx.Client(
            verify=context, headers={"Authorization": f"Bearer {PERSON}"}, timeout=120
        )

    def access(self, url: str | None = None, secret: str | None = None) -> Access:
        options = {"object": "Contact", "key": self.key, "ca_file": str(self.pair.certificate)}
        way, throttle = url or self.url, Throttle(a_second=1000)
        return Access("salesforce", way, org.CLIENT_ID, secret or SECRET, options, throttle)

    def adapter(
        self, url: str | None = None, secret: str | None = None, **sizes: Any
    ) -> Salesforce:
        # how many records a page has is for the server to say
        self.does("habits", page_records=sizes.pop("page_records", 2000))
        return Salesforce(self.access(url, secret), REQUEST_SECONDS, **sizes)

    def does(self, what: str, **told: Any) -> dict[str, Any]:
        """Someone at the CRM does something."""
        answer = self.person.post(f"{self.url}/sandbox/{what}", json=told)
        answer.raise_for_status()
        return dict(answer.json())

    def has(self, keys: Collection[str]) -> None:
        # contacts have a last name; a flow of this organisation gives one to those without
        self.does("habits", page_records=2000, job_seconds=0.05, names_the_nameless=True)
        self.does("unlock")
        self.does("start", keys=sorted(keys))

    def edit(self, key: str, field: str, value: str | None) -> None:
        self.does("edit", key=key, values={field: value})

    def delete(self, key: str) -> None:
        self.does("delete", key=key)

    def merge(self, key: str, into: str) -> None:
        self.does("merge", key=key, into=into)

    def write_together(self, keys: Collection[str]) -> None:
        self.does("together", keys=sorted(keys))


@contextmanager
def rig(folder: Path) -> Iterator[SalesforceRig]:
    made = org.opened(folder / "org.sqlite", SECRET, PERSON, daily_requests=1_000_000)
    pair = certificate.pair(folder)
    with served(made, pair) as url:
        rig = SalesforceRig(url, pair)
        with rig.person:
            yield rig
