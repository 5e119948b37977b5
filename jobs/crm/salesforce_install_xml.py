"""What is made in Salesforce, as files of the Metadata API.

Elements stand in the order of Salesforce's own schema (its metadata.wsdl), which the API's calls
keep to: first `fullName`, the others by the alphabet.
https://developer.salesforce.com/docs/atlas.en-us.api_meta.meta/api_meta/customfield.htm
https://developer.salesforce.com/docs/atlas.en-us.api_meta.meta/api_meta/meta_permissionset.htm
https://developer.salesforce.com/docs/atlas.en-us.api_meta.meta/api_meta/manifest_samples.htm
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias, Union
from xml.etree import ElementTree

from jobs.crm.salesforce_install_parts import (
    AT_A_GLANCE,
    LAYOUT,
    LAYOUT_LABEL,
    SCORES,
    Part,
    Rights,
    all_rights,
    key,
)

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
VISIBLE_LINES = 5  # of a long text where it is edited
# Who may read contacts must be able to read accounts, their parents [assumed: as users report such
# refusals of a deployment]
PARENTS = {"Contact": "Account"}

# An element's text, or the elements in it
Content: TypeAlias = Union[str, int, bool, "Sequence[tuple[str, Content]]"]
Elements: TypeAlias = list[tuple[str, Content]]


def files(sobject: str, key_name: str, version: str) -> Mapping[str, bytes]:
    """All files by their path in the folder that is deployed."""
    rights = all_rights(key_name)
    sets = {
        f"permissionsets/{each.name}.permissionset": permission_set(sobject, key_name, each)
        for each in rights
    }
    return {
        "package.xml": package(sobject, key_name, version),
        f"objects/{sobject}.object": custom_object(key_name),
        **sets,
    }


def custom_object(key_name: str) -> bytes:
    """Fields, and what shows them at a glance; of the object nothing else is touched."""
    at_a_glance = [("fields", name) for name in AT_A_GLANCE]
    layout: Elements = [("fullName", LAYOUT), *at_a_glance, ("label", LAYOUT_LABEL)]
    fields = (_field(part) for part in (key(key_name), *SCORES))
    return _file(
        "CustomObject", [("compactLayouts", layout), *(("fields", field) for field in fields)]
    )


def permission_set(sobject: str, key_name: str, rights: Rights) -> bytes:
    fields = [key_name, *(part.name for part in SCORES)]
    told: Elements = [("description", rights.description)]
    told += [
        (
            "fieldPermissions",
            [
                ("editable", name in rights.edits),
                ("field", f"{sobject}.{name}"),
                ("readable", True),
            ],
        )
        for name in sorted(fields)
    ]
    told += [("hasActivationRequired", False), ("label", rights.label)]
    told += [("objectPermissions", each) for each in _on_objects(sobject, rights)]
    if rights.is_for_programs:
        told.append(("userPermissions", [("enabled", True), ("name", "ApiEnabled")]))
    return _file("PermissionSet", told)


def package(sobject: str, key_name: str, version: str) -> bytes:
    """The manifest: what is deployed, by name."""
    names = sorted([key_name, *(part.name for part in SCORES)])
    members = {
        "CompactLayout": [f"{sobject}.{LAYOUT}"],
        "CustomField": [f"{sobject}.{name}" for name in names],
        "PermissionSet": [rights.name for rights in all_rights(key_name)],
    }
    types: Elements = [
        ("types", [*(("members", name) for name in of), ("name", kind)])
        for kind, of in members.items()
    ]
    return _file("Package", [*types, ("version", version)])


def _field(part: Part) -> Elements:
    told: dict[str, Content] = {
        "fullName": part.name,
        "inlineHelpText": part.help,
        "label": part.label,
        "type": part.type,
    }
    if part.length:
        told["length"] = part.length
    match part.type:
        case "Number":
            told |= dict(zip(("precision", "scale"), part.digits, strict=True))
        case "LongTextArea":
            told["visibleLines"] = VISIBLE_LINES
        case "Picklist":
            told["valueSet"] = _choices(part.choices)
    if part.type != "LongTextArea":
        told["required"] = False
    if part.is_key:
        told |= {"caseSensitive": False, "externalId": True, "unique": True}
    return sorted(told.items(), key=lambda each: (each[0] != "fullName", each[0]))


def _choices(values: Sequence[str]) -> Elements:
    """Only these are taken, in this order."""
    each: Elements = [
        ("value", [("fullName", value), ("default", False), ("label", value)]) for value in values
    ]
    return [("restricted", True), ("valueSetDefinition", [("sorted", False), *each])]


def _on_objects(sobject: str, rights: Rights) -> Iterator[Elements]:
    if rights.on_object == "none":
        return
    if sobject in PARENTS:
        yield _on(PARENTS[sobject])
    yield _on(sobject, may_edit=True, may_create=rights.on_object == "create")


def _on(sobject: str, may_edit: bool = False, may_create: bool = False) -> Elements:
    return [
        ("allowCreate", may_create),
        ("allowDelete", False),
        ("allowEdit", may_edit),
        ("allowRead", True),
        ("modifyAllRecords", False),
        ("object", sobject),
        ("viewAllRecords", False),
    ]


def _file(root: str, content: Elements) -> bytes:
    made = ElementTree.Element(root, xmlns=NAMESPACE)
    _fill(made, content)
    ElementTree.indent(made, "    ")
    return ElementTree.tostring(made, encoding="UTF-8", xml_declaration=True) + b"\n"


def _fill(element: ElementTree.Element, content: Content) -> None:
    if isinstance(content, bool):
        element.text = "true" if content else "false"
    elif isinstance(content, str | int):
        element.text = str(content)
    else:
        for name, inner in content:
            _fill(ElementTree.SubElement(element, name), inner)
