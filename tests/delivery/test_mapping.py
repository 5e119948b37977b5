"""A mapping says all its faults at once, and the shipped one fits the outbox and the CRM."""

from typing import Any

import pytest

from jobs.crm.adapter import Description, Field
from jobs.delivery import mapping as mappings
from jobs.delivery.mapping import TRANSFORMS, MappingError, Transform
from jobs.spark.scores.crm_outbox import SCHEMA
from jobs.table import columns
from tests.tryton_server import Crm

CRM = Description(
    system="tryton",
    version="8.0",
    instance="a",
    fields={"grade": Field("grade", "choice"), "code": Field("code", "text")},
    enforced_keys=("code",),
    can_create=False,
    batch_records=10,
    request_seconds=1,
)


def parsed(fields: str, key: str = "code") -> mappings.ConnectionMap:
    return mappings.parse(
        "x", f"adapter: tryton\nkey: {{field: {key}, from: account_id}}\nfields:\n{fields}"
    )


@pytest.mark.services
def test_the_shipped_mapping_fits_the_outbox_and_tryton(crm: Crm) -> None:
    names = [column.name for column in columns(SCHEMA)]
    mappings.check(mappings.load("tryton"), crm.adapter.describe(), names)


def test_a_mapping_of_another_form_names_every_fault() -> None:
    with pytest.raises(MappingError) as refused:
        parsed("  grade: {as: upper, ownership: mine}\n  code: {from: a, as: as_is}")
    told = str(refused.value)
    for part in ("grade: as 'upper'", "grade: ownership 'mine'", "grade: from", "code: ownership"):
        assert part in told


@pytest.mark.parametrize("text", ["", "adapter: tryton", "fields: {}"])
def test_an_empty_mapping_says_what_is_missing(text: str) -> None:
    with pytest.raises(MappingError, match="is missing"):
        mappings.parse("x", text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("adapter: [", r"x\.yaml: no YAML \(line 1\)"),
        ("just words", "adapter is missing; key is missing; fields is missing"),
        ("adapter: hub\nkey: {field: a, from: b}\nfields: {c: d}", r"jobs/crm/hub\.py is missing"),
        ("adapter: tryton\nkey: code\nfields: {c: d}", r"key must be .*; c: as None"),
        ("adapter: tryton\nkey: {field: code}\nfields: [c]", r"key must be .*; fields must be"),
    ],
)
def test_a_text_that_is_no_mapping_is_told_of_in_words(text: str, told: str) -> None:
    with pytest.raises(MappingError, match=told):
        mappings.parse("x", text)


def test_a_mapping_that_does_not_fit_names_every_fault() -> None:
    mapping = parsed(
        "  grade: {from: items, as: lines, ownership: always}\n"
        "  shade: {from: nothing, as: as_is, ownership: always}",
        key="email",
    )
    with pytest.raises(MappingError) as refused:
        mappings.check(mapping, CRM, ["account_id", "items"])
    told = str(refused.value)
    for part in ("key email", "column nothing", "shade: tryton has no", "grade: lines needs"):
        assert part in told


def test_an_unknown_connection_names_those_there_are() -> None:
    with pytest.raises(MappingError, match="the connections are: tryton"):
        mappings.load("pipedrive")


@pytest.mark.parametrize(
    ("transform", "values", "made"),
    [
        ("as_is", [None], None),
        ("as_is", [3], 3),
        ("lines", [["a", None, "b"]], "a\nb"),
        ("lines", [[]], ""),
        ("lines", [None], ""),
        ("texts", [[{"code": "x", "text": "one"}, {"code": "y", "text": None}, None]], "one"),
        ("texts", [None], ""),
        ("words", ["als", None, 3], "als 3"),
        ("words", [None, None], ""),
    ],
)
def test_transforms_take_null_and_empty(
    transform: Transform, values: list[Any], made: object
) -> None:
    assert TRANSFORMS[transform](values) == made
