"""A mapping says all its faults at once, and the shipped one fits the outbox and the CRM."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.crm.adapter import Description, Field, Kind
from jobs.delivery import mapping as mappings
from jobs.delivery.check import check
from jobs.delivery.mapping import MappingError
from jobs.delivery.subjects import OF_TASKS, outbox_columns
from jobs.delivery.transforms import TRANSFORMS, Transform
from jobs.settings import ROOT
from jobs.spark.scores.crm_outbox import SCHEMA
from jobs.spark.scores.next_actions import SCHEMA as ACTIONS
from jobs.table import columns
from tests.connections import SHIPPED
from tests.delivery import outbox
from tests.tryton_server import Crm

CRM = Description(
    system="tryton",
    version="8.0",
    instance="a",
    fields={
        "grade": Field("grade", "choice"),
        "code": Field("code", "text"),
        "name": Field("name", "text", is_required=True),
    },
    enforced_keys=("code",),
    can_create=False,
    batch_records=10,
    page_records=10,
    request_seconds=1,
)
PURPOSES = "purposes: {p: {text: to advise, legal_basis: consent}}"

# columns of the outbox that no salesperson is shown, and why
LEFT_OUT = {
    "account_id": "is how a customer is found",
    "is_contactable": "decides whether anything is shown",
    "objected_date": "is said at the CRM, not by us",
    "next_product_ids": "are shown by name",
    "recency_days": "are shown as a band",
    "spend_12_weeks_usd": "is shown as a band",
    "feature_version": "is found from the model's version",
}


def parsed(fields: str, key: str = "code", more: str = "") -> mappings.ConnectionMap:
    match = f"match: [{{field: {key}, from: account_id}}]"
    return mappings.parse("x", f"adapter: tryton\n{match}\n{PURPOSES}\n{more}\nfields:\n{fields}")


@pytest.fixture
def shipped(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connections as they come."""
    monkeypatch.setenv("CRM_CONNECTIONS", str(SHIPPED))


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_mapping_is_of_the_form_and_asks_for_columns_that_there_are(
    path: Path,
) -> None:
    made = mappings.parse(path.stem, path.read_text())
    wanted = {column for of in made.fields.values() for column in of.columns}
    there = {column.name for column in columns(ACTIONS if made.customers else SCHEMA)}
    assert wanted <= there | (OF_TASKS.keys() if made.customers else set())


OF_SCORES = [path for path in sorted(SHIPPED.glob("*.yaml")) if "tasks" not in path.stem]


@pytest.mark.parametrize("path", OF_SCORES, ids=lambda path: path.stem)
def test_every_column_for_people_is_in_every_shipped_mapping(path: Path) -> None:
    made = mappings.parse(path.stem, path.read_text())
    shown = [
        column for of in made.fields.values() if of.transform != "link" for column in of.columns
    ]
    assert sorted(shown) == sorted({c.name for c in columns(SCHEMA)} - LEFT_OUT.keys())


def test_the_outbox_of_tests_has_the_columns_of_the_real_one() -> None:
    assert [*outbox.row("101")] == outbox.SCHEMA.names == [c.name for c in columns(SCHEMA)]


@pytest.mark.services
def test_the_shipped_mapping_fits_the_outbox_and_tryton(crm: Crm) -> None:
    outbox.write([outbox.row("101")])
    check(mappings.load("tryton"), crm.adapter.describe(), outbox_columns(mappings.load("tryton")))


def test_a_mapping_of_another_form_names_every_fault() -> None:
    with pytest.raises(MappingError) as refused:
        parsed(
            "  grade: {as: upper, ownership: mine, purpose: p}\n"
            "  shade: {from: a, as: as_is, purpose: p}",
            more="limits: {changed: 1, creates: -1}",
        )
    told = str(refused.value)
    for part in (
        "fields.grade.as 'upper' must be",
        "fields.grade.ownership 'mine' must be",
        "fields.grade.from is missing",
        "fields.shade.ownership is missing",
        "limits.changed: there is no such setting",
        "limits.creates -1 must be",
    ):
        assert part in told


def test_a_purpose_that_is_not_there_and_a_key_that_is_mapped_too_are_faults() -> None:
    with pytest.raises(MappingError) as refused:
        parsed("  code: {from: a, as: as_is, ownership: always, purpose: q}")
    told = str(refused.value)
    assert "code: purpose 'q' is none of p" in told
    assert "code: a key must not be mapped too" in told


def test_fields_that_differ_by_case_only_are_a_fault() -> None:
    same = "{from: a, as: as_is, ownership: always, purpose: p}"
    with pytest.raises(MappingError, match="grade: Grade differs from it by its case only"):
        parsed(f"  grade: {same}\n  Grade: {same}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "adapter is missing; match is missing; fields is missing; purposes is missing"),
        ("just words", "adapter is missing; match is missing"),
        ("adapter: [", r"x\.yaml: no YAML \(line 1\): mend it"),
        ("adapter: tryton\nadapter: odoo", "adapter stands there twice"),
        ("fields: {a: {from: b}, a: {from: c}}", "a stands there twice"),
        (
            f"adapter: hub\nmatch: [{{field: a, from: b}}]\n{PURPOSES}\nfields: {{}}",
            "x.yaml: fields is empty",
        ),
        (
            f"adapter: hub\nmatch: [3]\n{PURPOSES}",
            r"match.0 3 must be name: value lines; fields is miss",
        ),
        (
            f"adapter: hub\nmatch: [{{field: a, from: b}}]\n{PURPOSES}\n"
            "fields: {c: {from: d, as: as_is, ownership: always, purpose: p}}",
            "adapter .hub.: jobs/crm has no adapter of this name",
        ),
    ],
)
def test_a_text_that_is_no_mapping_is_told_of_in_words(text: str, told: str) -> None:
    with pytest.raises(MappingError, match=told):
        mappings.parse("x", text)


def test_what_an_older_installation_lacks_is_told_at_once_and_with_the_cure() -> None:
    """Tryton has no `install`; Odoo has one."""
    fields = [
        f"  {name}: {{from: {name}, as: as_is, ownership: always, purpose: p}}"
        for name in ("grade", "churn_grade", "churn_trend")
    ]
    mapping = parsed("\n".join(fields))
    older = {"account_id": "string", "grade": "string"}
    with pytest.raises(MappingError) as refused:
        check(mapping, CRM, older)
    assert str(refused.value) == (
        "x.yaml: columns churn_grade, churn_trend: the outbox has none of these names; a column of "
        "a newer version is there once sales_daily has built scores.crm_outbox; "
        "churn_grade, churn_trend: tryton has no such fields; how ours are made: "
        "docs/delivery.md, After an upgrade"
    )
    with pytest.raises(MappingError, match='made by `make crm C="install --connection x"`'):
        check(mapping.model_copy(update={"adapter": "odoo"}), CRM, older)
    assert "\n## After an upgrade\n" in (ROOT / "docs/delivery.md").read_text()


def test_a_mapping_that_does_not_fit_names_every_fault() -> None:
    mapping = parsed(
        "  grade: {from: items, as: lines, ownership: always, purpose: p}\n"
        "  shade: {from: nothing, as: as_is, ownership: always, purpose: p}",
        key="email",
        more="mode: create\nobjection: {field: no_profiling, value: 'true'}",
    )
    with pytest.raises(MappingError) as refused:
        check(mapping, CRM, {"account_id": "string", "items": "array"})
    told = str(refused.value)
    for part in (
        "key email: tryton has no such field",
        "key email: tryton keeps only code unique",
        "tryton does not let us create",
        "name is required by tryton",
        "objection or restriction no_profiling: tryton has no",
        "column nothing",
        "shade: tryton has no",
        "grade: lines needs",
    ):
        assert part in told


def link(to: str, transform: str = "link") -> str:
    return f"  shade: {{from: a, as: {transform}, to: {to!r}, ownership: always, purpose: p}}"


@pytest.mark.parametrize(
    "to",
    [
        "",
        "http://127.0.0.1:8080/crm/tryton.html#",
        "https://bi.example/c?id=",
        "https://bi.example/",
    ],
)
def test_a_link_leads_to_a_page_of_the_web_or_nowhere(to: str) -> None:
    assert parsed(link(to)).fields["shade"].to == to


@pytest.mark.parametrize(
    "to",
    [
        "javascript:alert(1)//",
        "ftp://a.example/",
        "//a.example/",
        "https:///x",
        "https://a b/",
        "a",
    ],
)
def test_a_link_to_anything_else_is_a_fault(to: str) -> None:
    with pytest.raises(MappingError, match="must begin with http:// or https://"):
        parsed(link(to))


def test_a_password_in_a_link_is_a_fault_that_does_not_repeat_it() -> None:
    with pytest.raises(MappingError, match=r"…@a\.example/' must begin") as refused:
        parsed(link("https://me:hunter2@a.example/"))
    assert "hunter2" not in str(refused.value)


def test_only_a_link_leads_somewhere() -> None:
    with pytest.raises(MappingError, match="only a link leads somewhere, not words"):
        parsed(link("https://a.example/", "words"))


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
        ("first", [["a", "b"]], "a"),
        ("first", [[]], None),
        ("first", [None], None),
        ("link", ["https://a.example/b#", "als", 3], "https://a.example/b#als/3"),
        (
            "link",
            ["https://a.example/?id=", '7&x=/"<é'],
            "https://a.example/?id=7%26x%3D%2F%22%3C%C3%A9",
        ),
        ("link", ["https://a.example/", "als", None], None),
        ("link", ["https://a.example/", ""], None),
        ("link", ["", "als"], None),
    ],
)
def test_transforms_take_null_and_empty(
    transform: Transform, values: list[Any], made: object
) -> None:
    assert TRANSFORMS[transform](values) == made


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("adapter: throttle", "adapter 'throttle': jobs/crm has no adapter of this name"),
        ("adapter: ../crm/http", "adapter '../crm/http': jobs/crm has no adapter"),
        ("limits: {plan_days: .inf}", "limits.plan_days inf must be"),
        ("rate: {requests_a_second: .inf}", "rate.requests_a_second inf must be"),
        ("reconcile_hours: 1.0e+300", r"reconcile_hours 1e\+300 must be less"),
        ("server: {secret: sk-live-hunter2}", "server.secret is the name of a secret"),
        ("since: 2017-13-45", "no YAML: a day that is none"),
        (f"since: {'[' * 5_000}", "no YAML"),
        (f"since: {'9' * 5_000}", "no YAML: a day that is none, a number too long"),
    ],
)
def test_a_setting_that_cannot_be_is_told_in_a_sentence(more: str, said: str) -> None:
    fields = "  grade: {from: grade, as: as_is, ownership: if_ours, purpose: p}"
    text = f"match: [{{field: code, from: account_id}}]\n{PURPOSES}\nfields:\n{fields}\n{more}\n"
    text += "" if "adapter" in more else "adapter: tryton\n"
    with pytest.raises(MappingError, match=said) as refused:
        mappings.parse("x", text)
    assert "hunter2" not in str(refused.value)


def test_a_file_that_is_no_text_or_not_there_is_told_in_a_sentence(
    connections: Path, state: Path
) -> None:
    (connections / "latin.yaml").write_bytes(b"# caf\xe9\n")
    (connections / "gone.yaml").symlink_to("/nonexistent")
    for name, said in (("latin", "is not UTF-8"), ("gone", "cannot be read")):
        with pytest.raises(MappingError, match=f"{name}.yaml {said}"):
            mappings.load(name)


@pytest.mark.parametrize(
    ("column", "kind", "fits"),
    [
        ("string", "choice", True),
        ("string", "number", False),
        ("string", "date", False),
        ("double", "number", True),
        ("double", "choice", False),
        ("decimal(12,2)", "integer", False),
        ("long", "integer", True),
        ("date", "date", True),
        ("date", "text", True),
        ("boolean", "date", False),
    ],
)
def test_a_column_fits_a_field_of_its_kind_only(column: str, kind: Kind, fits: bool) -> None:
    mapping = parsed("  grade: {from: items, as: as_is, ownership: if_ours, purpose: p}")
    crm = replace(CRM, fields={**CRM.fields, "grade": Field("grade", kind)})
    told = {"account_id": "string", "items": column}
    if fits:
        check(mapping, crm, told)
        return
    with pytest.raises(MappingError) as refused:
        check(mapping, crm, told)
    assert f"grade: items is a {column}, the CRM's field a {kind}" in str(refused.value)
