"""Made-up customers; nobody is reached at example.com."""

from collections.abc import Iterator, Sequence
from typing import Any

from infra.sandbox.salesforce.org import PERSON
from infra.sandbox.salesforce.schema import AGES

FIRST_NAMES = ("Ada", "Bo", "Chandra", "Dana", "Emre", "Fatou", "Goran", "Hana")


def customers(keys: Sequence[str] | range, at: str) -> Iterator[dict[str, Any]]:
    """One for each key, written by a person at an instant."""
    stamps = {"CreatedDate": at, "CreatedById": PERSON, "LastModifiedDate": at}
    stamps |= {"LastModifiedById": PERSON, "SystemModstamp": at}
    for number, key in enumerate(keys):
        yield {
            "LastName": f"Sample {key}",
            "FirstName": FIRST_NAMES[number % len(FIRST_NAMES)],
            "Email": f"customer{key}@example.com",
            "HasOptedOutOfEmail": 0,
            "Age_Band__c": AGES[number % len(AGES)],
            "Sales_Account_Id__c": str(key),
            **stamps,
        }
