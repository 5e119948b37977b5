"""Our double of Salesforce over TLS, in this process; a person has a token of their own."""

import json
import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from infra.chaos.crms import Row, Snapshot, text
from infra.sandbox.salesforce import certificate, org
from infra.sandbox.salesforce.certificate import Pair
from infra.sandbox.salesforce.schema import BOOKKEEPING
from infra.sandbox.salesforce.serving import served
from infra.sandbox.upstream import Tls

SECRET, PERSON = "the-apps-secret", "the-persons-token"
KEY = "Sales_Account_Id__c"
COLUMNS = {
    "next_products": "Score_Next_Products__c",
    "recency_band": "Score_Recency_Band__c",
    "spend_band": "Score_Spend_Band__c",
    "last_order_date": "Score_Last_Order_Date__c",
    "score_name": "Score_Name__c",
    "score": "Score_Value__c",
    "grade": "Score_Grade__c",
    "trend": "Score_Trend__c",
    "reasons": "Score_Reasons__c",
    "churn_grade": "Score_Churn_Grade__c",
    "churn_trend": "Score_Churn_Trend__c",
    "churn_chance": "Score_Churn_Chance__c",
    "churn_reasons": "Score_Churn_Reasons__c",
    "offer_campaign_id": "Score_Offer_Campaign__c",
    "offer_grade": "Score_Offer_Grade__c",
    "offer_chance": "Score_Offer_Chance__c",
    "value_usd": "Score_Expected_USD__c",
    "value_grade": "Score_Expected_Grade__c",
    "segment_name": "Score_Segment__c",
    "as_of_date": "Score_As_Of__c",
    "valid_until": "Score_Valid_Until__c",
    "model_version": "Score_Model_Version__c",
}
OF_THE_SYSTEM = {"Id", "IsDeleted", "SystemModstamp", *BOOKKEEPING}
TOO_LARGE = 10.0**12  # the field has 12 digits before the point, which no description tells


class SalesforceCrm:
    name, user, restart = "salesforce", org.CLIENT_ID, None
    secret = SECRET
    key, fields = KEY, COLUMNS
    hand, other = "Score_Next_Products__c", "FirstName"
    is_conditional, batch = False, 200

    def __init__(self, url: str, pair: Pair) -> None:
        self.url = url
        self.tls = Tls(pair.certificate, pair.key, pair.certificate)
        self.server = {"object": "Contact", "key": KEY, "ca_file": str(pair.certificate)}
        self.needed = {"account_id": "LastName"}
        headers = {"Authorization": f"Bearer {PERSON}"}
        self.person = httpx.Client(verify=self.tls.client(), headers=headers, timeout=120)

    def has(self, keys: Collection[str]) -> None:
        self._does("habits", job_seconds=0.05)
        self._does("start", keys=sorted(keys))

    def edit(self, key: str, field: str, value: str) -> None:
        self._does("edit", key=key, values={field: value})

    def snapshot(self) -> Snapshot:
        told = self.person.get(f"{self.url}/sandbox/records/Contact").raise_for_status().text
        rows = [json.loads(line) for line in told.splitlines()]
        return Snapshot(
            tuple(_row(row) for row in rows if not row["IsDeleted"]), {"contacts": len(rows)}
        )

    def spoil(self, row: dict[str, Any]) -> None:
        row["score"] = TOO_LARGE

    def narrow(self) -> None:
        """It is so all the time."""

    def _does(self, what: str, **told: Any) -> None:
        self.person.post(f"{self.url}/sandbox/{what}", json=told).raise_for_status()


def _row(told: dict[str, Any]) -> Row:
    values = {name: text(value) for name, value in told.items() if name not in OF_THE_SYSTEM}
    return Row(told["Id"], told[KEY], values)


@contextmanager
def opened(folder: Path) -> Iterator[SalesforceCrm]:
    made = org.opened(folder / "org.sqlite", SECRET, PERSON, daily_requests=10**9)
    pair = certificate.pair(folder)
    with served(made, pair) as url:
        crm = SalesforceCrm(url, pair)
        with crm.person:
            yield crm
        # that connections of adapters are still open when it ends is no error
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
