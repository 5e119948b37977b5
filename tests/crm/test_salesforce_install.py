"""What is written for an administrator of Salesforce to deploy; docs/salesforce.md."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import simple_salesforce
from lxml import etree
from typer.testing import CliRunner

from infra.sandbox.salesforce.schema import CONTACT, KEY, OTHERS
from jobs.crm import salesforce_install as installing
from jobs.crm.access import Access
from jobs.crm.adapter import Change, CrmError
from jobs.crm.salesforce_install_parts import AT_A_GLANCE, SCORES, key
from jobs.crm.salesforce_install_xml import NAMESPACE, files
from jobs.delivery import mapping as mappings
from jobs.delivery.__main__ import app
from jobs.delivery.check import check
from jobs.settings import ROOT
from tests.crm.rigs import salesforce as rigs
from tests.crm.rigs.salesforce import SalesforceRig
from tests.delivery import outbox

FILES = files("Contact", KEY, "59.0")
NS = {None: NAMESPACE}
SHIPPED = ROOT / "jobs/delivery/connections/salesforce.yaml"
MAPPING = mappings.parse("salesforce", SHIPPED.read_text())
XSD = "http://www.w3.org/2001/XMLSchema"
DELIVERY, CREATION, PEOPLE = (
    f"permissionsets/Sales_Lakehouse_{name}.permissionset"
    for name in ("Delivery", "Creation", "People")
)


@pytest.fixture
def access(state: Path) -> Access:
    options = {"object": "Contact", "key": KEY, "api_version": "59.0"}
    return Access("salesforce", "https://example.my.salesforce.com", "", "", options)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SalesforceRig]:
    with rigs.rig(tmp_path_factory.mktemp("salesforce")) as rig:
        rig.has(["1", "2"])
        yield rig


def told(name: str) -> Any:
    return etree.fromstring(FILES[name])


def rights(name: str) -> dict[str, str]:
    """What a permission set makes of fields, in the double's words."""
    return {
        (each.findtext("field", "", NS)).removeprefix("Contact."): (
            "write" if each.findtext("editable", "", NS) == "true" else "read"
        )
        for each in told(name).iterfind("fieldPermissions", NS)
    }


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    """Salesforce's own, of the Metadata API; simple-salesforce brings it. What stands in a file of
    its own is no element there, only a type."""
    wsdl = etree.parse(Path(simple_salesforce.__file__).parent / "metadata.wsdl")
    found = wsdl.find(f".//{{{XSD}}}schema")
    for name in ("CustomObject", "PermissionSet", "Package"):
        etree.SubElement(found, f"{{{XSD}}}element", name=name, type=f"tns:{name}")
    return etree.XMLSchema(etree.fromstring(etree.tostring(found)))


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_keeps_to_salesforces_own_schema(name: str, schema: etree.XMLSchema) -> None:
    schema.assertValid(etree.fromstring(FILES[name]))


def test_the_schema_finds_a_misspelt_and_a_misplaced_element(schema: etree.XMLSchema) -> None:
    source = FILES["objects/Contact.object"]
    assert not schema.validate(etree.fromstring(source.replace(b"inlineHelpText", b"helpText")))
    order = rb"(<label>Last Order</label>)(.*?)(<type>Date</type>)"
    swapped = re.sub(order, rb"\3\2\1", source, count=1, flags=re.DOTALL)
    assert not schema.validate(etree.fromstring(swapped))


def test_mapping_metadata_and_double_name_the_same_fields() -> None:
    deployed = [
        field.findtext("fullName", "", NS)
        for field in told("objects/Contact.object").iterfind("fields", NS)
    ]
    assert set(deployed) == {KEY, *MAPPING.fields}
    assert len(deployed) == len(set(deployed))
    custom = {name for name in CONTACT.columns if name.endswith("__c")}
    assert custom == {*deployed, *(column.name for column in OTHERS), "Age_Band__c"}


@pytest.mark.parametrize("part", [key(KEY), *SCORES], ids=lambda part: part.name)
def test_a_field_is_within_salesforces_limits(part: Any) -> None:
    assert len(part.name.removesuffix("__c")) <= 40
    assert part.name.endswith("__c")
    assert len(part.label) <= 40
    assert 0 < len(part.help) <= 255  # 510 by the help, 255 by older pages
    assert (256 if part.type == "LongTextArea" else 0) <= part.length <= 131_072
    assert part.type == "LongTextArea" or part.length <= 255
    assert part.digits[0] <= 18


def test_no_long_text_is_shown_at_a_glance() -> None:
    short = {part.name for part in SCORES if part.type != "LongTextArea"}
    assert set(AT_A_GLANCE) - {"Name"} <= short
    assert len(AT_A_GLANCE) <= 10


def test_the_manifest_names_all_that_is_deployed_and_nothing_else() -> None:
    manifest = {
        types.findtext("name", "", NS): [m.text for m in types.iterfind("members", NS)]
        for types in told("package.xml").iterfind("types", NS)
    }
    assert manifest["CustomField"] == sorted(f"Contact.{n}" for n in (KEY, *MAPPING.fields))
    sets = [Path(name).stem for name in FILES if name.startswith("permissionsets/")]
    assert sorted(manifest["PermissionSet"]) == sorted(sets)
    assert manifest["CompactLayout"] == ["Contact.Sales_Scores"]
    assert told("package.xml").findtext("version", "", NS) == "59.0"


def test_people_may_edit_what_the_mapping_leaves_to_them() -> None:
    theirs = {name for name, right in rights(PEOPLE).items() if right == "write"}
    assert theirs == {n for n, of in MAPPING.fields.items() if of.ownership == "if_ours"}
    assert told(PEOPLE).find("objectPermissions", NS) is None


def test_no_set_lets_anybody_delete_or_do_everything() -> None:
    for name in (DELIVERY, CREATION, PEOPLE):
        for each in told(name).iterfind("objectPermissions", NS):
            for right in ("allowDelete", "modifyAllRecords", "viewAllRecords"):
                assert each.findtext(right, "", NS) == "false"
        programs = [e.findtext("name", "", NS) for e in told(name).iterfind("userPermissions", NS)]
        assert programs == (["ApiEnabled"] if name == DELIVERY else [])


def held_to(rig: SalesforceRig, granted: Mapping[str, str]) -> None:
    """Let the double's user see and write what was granted, and what no set can take away."""
    others = {c.name for c in CONTACT.columns.values() if not (c.is_system or c.is_required)}
    rig.does("rights", **(dict.fromkeys(others, "hidden") | granted))


def test_the_deliverys_rights_suffice_for_the_shipped_mapping_and_for_no_more(
    rig: SalesforceRig,
) -> None:
    held_to(rig, rights(DELIVERY))
    crm = rig.adapter()
    described = crm.describe()
    check(MAPPING, described, outbox.types())
    assert {n for n, field in described.fields.items() if field.is_writable} == {
        *MAPPING.fields,
        "LastName",  # a required field is everybody's who may edit the object
    }
    assert described.enforced_keys == (KEY,)
    assert not described.can_create
    values = {
        name: {"text": "x", "number": "0.5", "date": "2017-11-27", "choice": "A"}[field.kind]
        for name, field in described.fields.items()
        if name in MAPPING.fields
    }
    [found] = crm.find(KEY, ["1"], list(values))["1"]
    [result] = crm.write([Change("1", found.id, found.revision, values)])
    assert result.outcome == "written", result.reason
    [shown] = crm.find(KEY, ["1"], list(values))["1"]
    assert {name: shown.values[name] for name in values} == values


def test_with_the_rights_of_creation_customers_can_be_created(rig: SalesforceRig) -> None:
    held_to(rig, rights(DELIVERY) | {KEY: "write"})
    assert rights(CREATION)[KEY] == "write"
    assert rig.adapter().describe().can_create


def test_files_are_written_once_and_again_where_they_are_outdated(access: Access) -> None:
    wanted = installing.install(access, dry_run=True)
    assert not installing.folder(access).exists()
    assert installing.install(access) == wanted
    assert installing.install(access) == []
    home = installing.folder(access)
    assert sorted(str(path) for path in home.rglob("*") if path.is_file()) == sorted(wanted)
    project = json.loads((home / "sfdx-project.json").read_text())
    assert (home / project["packageDirectories"][0]["path"] / "package.xml").exists()
    newer = replace(access, options={**access.options, "api_version": "62.0"})
    assert [Path(each).name for each in installing.install(newer)] == [
        "sfdx-project.json",
        "package.xml",
    ]


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("key", "Email", "server.key Email is no field that can be made"),
        ("key", "Sales__Id__c", "server.key Sales__Id__c is no field"),
        ("key", "x" * 41 + "__c", "40 at most"),
        ("object", "../Contact", r"server.object ../Contact is no object"),
        ("object", "", r"server.object  is no object"),
    ],
)
def test_what_cannot_be_deployed_is_refused(
    access: Access, option: str, value: str, reason: str
) -> None:
    with pytest.raises(CrmError, match=reason):
        installing.install(replace(access, options={**access.options, option: value}))


def test_the_command_asks_for_no_credential_and_says_what_is_left_to_do(
    connections: Path, state: Path
) -> None:
    (connections / SHIPPED.name).write_text(SHIPPED.read_text())
    line = ["install", "--connection", "salesforce"]
    tried = CliRunner().invoke(app, [*line, "--dry-run"])
    assert tried.exit_code == 0, tried.output
    assert "would make" in tried.output
    assert not (state / "crm").exists()
    done = CliRunner().invoke(app, line)
    home = state / "crm" / "metadata" / "salesforce" / "Contact"
    assert f"cd {home}" in done.output
    assert "sf project deploy start --metadata-dir metadata" in done.output
    assert (home / "metadata" / "objects" / "Contact.object").exists()
