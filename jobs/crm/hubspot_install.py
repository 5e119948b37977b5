"""What HubSpot needs before scores are delivered: a group of properties, and the properties.

`install` makes what is missing with a token of an administrator's, which is not kept. The token
that scores are delivered with is made by a person: HubSpot has no API for it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hubspot.crm.properties import BatchApi, GroupsApi

from jobs.crm.access import Access
from jobs.crm.adapter import CrmError
from jobs.crm.hubspot_calls import Session
from jobs.crm.hubspot_install_parts import GROUP, Told, properties
from jobs.crm.hubspot_values import described
from jobs.crm.throttle import Throttle
from jobs.crm.writing import NoAnswer

# Of what HubSpot itself brings; a company's own objects share one
# https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes
STANDARD = {"contacts", "companies", "deals"}
ASKS = (
    "a service key (or a private app's token) that may write schemas: "
    "crm.schemas.contacts.write, or that of the connection's object"
)


class Administrator(Session):
    """An account of HubSpot, asked with a token that may change its schemas."""

    def __init__(self, url: str, token: str, throttle: Throttle) -> None:
        super().__init__(url, token, throttle)
        client = self._properties.api_client
        self._groups, self._made = GroupsApi(client), BatchApi(client)

    def groups(self, kind: str) -> Any:
        return self._asked(lambda **how: self._groups.get_all(kind, **how))["results"]

    def make_group(self, kind: str, told: Told) -> None:
        self._asked(lambda **how: self._groups.create(kind, told, **how), is_write=True)

    def make(self, kind: str, told: Sequence[Told]) -> Any:
        body = {"inputs": list(told)}
        return self._asked(lambda **how: self._made.create(kind, body, **how), is_write=True)


def install(admin: Access, dry_run: bool = False) -> list[str]:
    """Make what is missing; returns what was made, or with `dry_run` would be.

    Raises:
        CrmError: it is not allowed, a property of one of the names is something else, or the CRM
            cannot be reached.
    """
    kind, session = _kind(admin), Administrator(admin.url, admin.secret, admin.throttle)
    try:
        return _install(session, kind, admin.options["key"], dry_run)
    except NoAnswer as lost:
        raise CrmError("transient", f"{lost}: install again, it goes on") from lost
    except CrmError as refused:
        if refused.kind != "permission":
            raise
        schemas = _scope("schemas", kind)
        raise CrmError(
            "permission",
            f"{refused}: to install, a token needs the scopes {schemas}.read and {schemas}.write",
        ) from None


def left_to_do(admin: Access) -> list[str]:
    """What a person does then: HubSpot lets no program make a token."""
    kind = _kind(admin)
    objects, schemas = _scope("objects", kind), _scope("schemas", kind)
    return [
        f"properties of {kind} are there. What is left to an administrator of HubSpot:",
        "  make a service key (Development, Keys, Service keys) with the scopes",
        f"  {objects}.read, {objects}.write, {schemas}.read and no others,",
        "  and keep it as the connection's secret; its rights cannot be held to single properties.",
        f"  The group {GROUP['label']!r} shows on a record under View all properties.",
    ]


def _install(session: Administrator, kind: str, key: str, dry_run: bool) -> list[str]:
    made: list[str] = []
    there = {each["name"]: each for each in session.properties(kind)}
    wanted = {each["name"]: each for each in properties(key)}
    if faults := [
        fault for name in wanted.keys() & there for fault in _faults(wanted, there, name)
    ]:
        raise CrmError("data", f"{kind} of {session.portal()}: {'; '.join(sorted(faults))}")
    if GROUP["name"] not in {each["name"] for each in session.groups(kind)}:
        made.append(f"group {GROUP['label']!r}")
        if not dry_run:
            session.make_group(kind, GROUP)
    if missing := [each for name, each in wanted.items() if name not in there]:
        made += [f"property {kind}.{each['name']}" for each in missing]
        if not dry_run:
            _make(session, kind, missing)
    return made


def _make(session: Administrator, kind: str, missing: Sequence[Told]) -> None:
    answer = session.make(kind, missing)
    there = {each["name"] for each in answer["results"]}
    if lost := [each["name"] for each in missing if each["name"] not in there]:
        raise CrmError(
            "data",
            f"HubSpot did not make {', '.join(lost)} of {kind}: look whether they are among the "
            "archived ones, and install again",
        )


def _faults(wanted: Mapping[str, Told], there: Mapping[str, Told], name: str) -> list[str]:
    """Why a property that is there will not do."""
    need, has = described(wanted[name]), described(there[name])
    if has.kind != need.kind or not has.is_writable:
        of, is_ = (f"{told['type']}/{told['fieldType']}" for told in (wanted[name], there[name]))
        return [f"{name} is {is_} and must be {of}: rename or archive it, and install again"]
    if wanted[name].get("hasUniqueValue") and not there[name].get("hasUniqueValue"):
        return [f"{name} does not require unique values, which only a new property can: archive it"]
    lost = [choice for choice in need.choices if choice not in has.choices]
    return [f"{name} lacks the options {', '.join(lost)}: add them"] if lost else []


def _scope(of: str, kind: str) -> str:
    return f"crm.{of}.{kind if kind in STANDARD else 'custom'}"


def _kind(admin: Access) -> str:
    return admin.options.get("object", "contacts")
