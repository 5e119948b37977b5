"""The entries of a connection's mapping: keys of the ladder, fields, purposes, limits."""

import re
from typing import Any, Literal

from pydantic import Field, model_validator

from jobs.delivery.transforms import Transform
from jobs.reviewed import Part

SCORES, ACTIONS = "scores.crm_outbox", "scores.next_actions"  # what is delivered
ID = "id"  # of a rung's field: the CRM's own id of a record
EMAIL = "accounts.email"  # of a rung: the e-mail address of bronze.accounts

Ownership = Literal["always", "if_empty", "if_ours"]

# where a link may begin: what stands before an @ would be a password, and what comes behind a host
# without a slash would be another host
PAGE = re.compile(r"https?://[^/\s@?#\"'<>\\]+[/?#][^\s\"'<>\\]*")


def outbox(customers: object) -> str:
    """The table that a connection delivers, by the `customers` of its mapping: tasks have some."""
    return ACTIONS if customers else SCORES


class Rung(Part):
    """A way to find a customer's record: by a field of the CRM that holds one of our columns."""

    field: str
    column: str = Field(alias="from")

    @property
    def is_contact(self) -> bool:
        """Personal data that the outbox does not have: see `contact_keys`."""
        return self.column == EMAIL


class FieldMap(Part):
    """What a field of the CRM is made from, whose it is, and what for."""

    columns: tuple[str, ...] = Field(alias="from", min_length=1)
    transform: Transform = Field(alias="as")
    ownership: Ownership
    purpose: str
    channel: str | None = None  # by which a customer is addressed on what it says
    to: str = ""  # of a link: the address that its columns stand behind; empty: there is no link

    @model_validator(mode="before")
    @classmethod
    def one_or_several(cls, told: Any) -> Any:
        if isinstance(told, dict) and isinstance(told.get("from"), str):
            return told | {"from": (told["from"],)}
        return told

    @model_validator(mode="after")
    def leads_to_a_page(self) -> "FieldMap":
        if self.to and self.transform != "link":
            raise ValueError(f"to: only a link leads somewhere, not {self.transform}")
        if self.to and not PAGE.fullmatch(self.to):
            shown = re.sub(r"^.*@", "…@", self.to)
            raise ValueError(
                f"to {shown!r} must begin with http:// or https://, a host and a slash, without "
                "user and password: they are secrets"
            )
        return self


class Purpose(Part):
    """Why personal data is processed, and what allows it."""

    text: str
    legal_basis: str


class Said(Part):
    """A field by which the CRM says what a customer does not want, and the value that says so."""

    field: str
    value: str


class Limits(Part):
    """From where on a person must look at a plan, and what is not done at all."""

    changed_share: float = Field(0.5, ge=0, le=1)  # of the customers compared
    flip_share: float = Field(0.25, ge=0, le=1)  # whose grade becomes another, of those with one
    creates: int = Field(0, ge=0)  # customers
    clear_share: float = Field(0.02, ge=0, le=1)  # of the customers with values of ours
    mass_clear_share: float = Field(0.2, ge=0, le=1)  # above it only with --allow-mass-clear
    # after these a plan that waits for a person expires
    answer_hours: float = Field(24, gt=0, le=8_760)
    plan_days: float = Field(7, gt=0, le=365)  # a plan older than this is not sent any more
    refused_share: float = Field(0.05, ge=0, le=1)  # rejected by the CRM: above it apply stops
    moved_share: float = Field(0.01, ge=0, le=1)  # changed since the plan: above it apply stops
    canary: int = Field(100, ge=1)  # customers that are sent and verified first


class Rate(Part):
    """How fast the CRM may be asked."""

    requests_a_second: float = Field(20, gt=0, le=10_000)
    daily_share: float = Field(0.8, gt=0, le=1)  # of the organisation's requests a day
