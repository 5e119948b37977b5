"""What HubSpot's own client says of the calls we use, as JSON schema: requests and answers.

Derived from the classes of `hubspot-api-client` (Apache-2.0), which HubSpot generates: nothing is
written down here but where the classes are known to be wrong (`CORRECTED`).
"""

import ast
import datetime as dt
import inspect
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from hubspot.crm import objects, properties
from jsonschema import Draft202012Validator, FormatChecker

Schema = dict[str, Any]

PRIMITIVES: Mapping[str, Schema] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
    "object": {},
}
NULLABLE: Schema = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
# Answers have null for a property without a value, and say so nowhere [assumed: as seen by users]
ANSWERED = {"SimplePublicObject", "SimplePublicUpsertObject", "SimplePublicObjectWithAssociations"}
CORRECTED: Mapping[tuple[str, str], Schema] = {
    # strings are taken and ignored: https://github.com/HubSpot/hubspot-api-python/issues/236
    ("PublicObjectSearchRequest", "sorts"): {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "propertyName": {"type": "string"},
                "direction": {"enum": ["ASCENDING", "DESCENDING"]},
            },
            "required": ["propertyName"],
            "additionalProperties": False,
        },
    },
    **{(model, "properties"): NULLABLE for model in ANSWERED},
}
# Not in any class of the client: https://developers.hubspot.com/docs/api-reference/error-handling
# says that all fields of an error are optional
REFUSAL: Schema = {"type": "object", "required": ["message"]}


@dataclass(frozen=True)
class Call:
    """One call of the API."""

    method: str
    path: str  # with {objectType}
    query: frozenset[str]
    request: Draft202012Validator | None
    answers: Mapping[int, Draft202012Validator]


class Broken(Exception):
    """Something that the contract does not allow; the message says what and where."""


@cache
def calls() -> Mapping[str, Call]:
    """The calls that the double answers, by our name for each."""
    paged = {"limit": 1, "after": "1", "properties": ["p"], "archived": False}
    return {
        "read": _call(objects, "BatchApi", "read", archived=False),
        "update": _call(objects, "BatchApi", "update"),
        "upsert": _call(objects, "BatchApi", "upsert"),
        "page": _call(objects, "BasicApi", "get_page", **paged),
        "search": _call(objects, "SearchApi", "do_search"),
        "properties": _call(properties, "CoreApi", "get_all", archived=False),
        "create_properties": _call(properties, "BatchApi", "create"),
        "groups": _call(properties, "GroupsApi", "get_all"),
        "create_group": _call(properties, "GroupsApi", "create"),
    }


def check_request(call: Call, query: Collection[str], body: Any) -> None:
    """Raises Broken where HubSpot's client could not have sent it."""
    if unknown := set(query) - call.query:
        raise Broken(f"no such parameter of {call.path}: {', '.join(sorted(unknown))}")
    if call.request:
        _check(call.request, body, call.path)


def check_answer(call: Call, status: int, body: Any) -> None:
    """Raises Broken where HubSpot's client does not expect it."""
    if status >= 400:
        _check(_validator(REFUSAL), body, call.path)
    elif status not in call.answers:
        raise Broken(f"{call.path}: no answer {status} is known")
    else:
        _check(call.answers[status], body, call.path)


def _call(home: ModuleType, api: str, function: str, **query: Any) -> Call:
    """A call as the client would make it: it is made, and caught before it is sent."""
    seen: list[dict[str, Any]] = []
    client = home.ApiClient()
    client.call_api = lambda path, method, path_params, query_params, header_params, **more: (
        seen.append({"path": path, "method": method, "query": query_params, **more})
    )
    method: Callable[..., Any] = getattr(getattr(home, api)(client), function)
    _, *bodies = [
        p.name for p in inspect.signature(method).parameters.values() if p.name != "kwargs"
    ]
    method("contacts", *({} for _ in bodies), **query)
    [made] = seen
    schemas = _schemas(home)
    return Call(
        method=made["method"],
        path=made["path"],
        query=frozenset(name for name, _ in made["query"]),
        request=_validator(_of(schemas, _class_name(bodies[0]))) if bodies else None,
        answers={
            status: _validator(_of(schemas, name))
            for status, name in made["response_types_map"].items()
        },
    )


def _class_name(parameter: str) -> str:
    return "".join(part.capitalize() for part in parameter.split("_"))


def _of(schemas: Schema, name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}", "$defs": schemas}


@cache
def _schemas(home: ModuleType) -> Schema:
    """All models of one part of the client."""
    models = inspect.getmembers(home, lambda each: hasattr(each, "openapi_types"))
    return {name: _schema(name, model, home) for name, model in models}


def _schema(name: str, model: Any, home: ModuleType) -> Schema:
    required, allowed = _demands(model, home)
    return {
        "type": "object",
        "properties": {
            model.attribute_map[attribute]: CORRECTED.get(
                (name, model.attribute_map[attribute]), _typed(kind) | allowed.get(attribute, {})
            )
            for attribute, kind in model.openapi_types.items()
        },
        "required": [model.attribute_map[attribute] for attribute in required],
        "additionalProperties": False,
    }


def _demands(model: Any, home: ModuleType) -> tuple[list[str], dict[str, Schema]]:
    """Attributes that must be there, and those with few values: setting them brings it out."""
    made = model(local_vars_configuration=home.Configuration())
    made.local_vars_configuration.client_side_validation = True
    required: list[str] = []
    allowed: dict[str, Schema] = {}
    for attribute in model.openapi_types:
        if _complaint(made, attribute, None):
            required.append(attribute)
        if values := re.search(r"must be one of (\[.*\])", _complaint(made, attribute, "?")):
            allowed[attribute] = {"enum": ast.literal_eval(values[1])}
    return required, allowed


def _complaint(made: Any, attribute: str, value: Any) -> str:
    try:
        setattr(made, attribute, value)
    except ValueError as error:
        return str(error)
    return ""


def _typed(kind: str) -> Schema:
    if many := re.fullmatch(r"list\[(.*)\]", kind):
        return {"type": "array", "items": _typed(many[1])}
    if named := re.fullmatch(r"dict\[str, (.*)\]", kind):
        return {"type": "object", "additionalProperties": _typed(named[1])}
    return dict(PRIMITIVES.get(kind) or {"$ref": f"#/$defs/{kind}"})


def _validator(schema: Schema) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FORMATS)


def _check(validator: Draft202012Validator, body: Any, path: str) -> None:
    for error in validator.iter_errors(body):
        where = "/".join(str(part) for part in error.absolute_path)
        # of a value the message would quote it
        raise Broken(f"{path}: {error.validator} is broken at {where or 'the top'}")


FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or dt.datetime.fromisoformat(value).tzinfo is not None
