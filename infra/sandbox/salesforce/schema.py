"""The objects of the double, their fields, and who may see and write them.

What a field's type means: https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/field_types.htm
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from xml.etree import ElementTree

from jobs.crm.salesforce_install_xml import NAMESPACE, custom_object

Right = Literal["write", "read", "hidden"]

BOOKKEEPING = ("CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById")


@dataclass(frozen=True)
class Column:
    """A field of an object."""

    name: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    choices: tuple[str, ...] = ()
    is_external_id: bool = False  # unique too, whatever the letters' case
    is_system: bool = False  # written by Salesforce only
    is_required: bool = False

    @property
    def label(self) -> str:
        return self.name.removesuffix("__c").replace("_", " ")

    def described(self, right: Right) -> dict[str, Any]:
        """https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_describesobjects_describesobjectresult.htm"""
        may_write = right == "write" and not self.is_system
        has_default = self.type == "boolean" or self.is_system
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "length": self.length,
            "precision": self.precision,
            "scale": self.scale,
            "picklistValues": [{"value": v, "label": v, "active": True} for v in self.choices],
            "restrictedPicklist": bool(self.choices),
            "externalId": self.is_external_id,
            "unique": self.is_external_id,
            "idLookup": self.is_external_id or self.name in {"Id", "Email"},
            "caseSensitive": False,
            "createable": may_write,
            "updateable": may_write,
            "nillable": not (self.is_required or has_default or self.name == "Id"),
            "defaultedOnCreate": has_default,
            "calculated": False,
            "custom": self.name.endswith("__c"),
            "filterable": not (self.type == "textarea" and self.length > 255),
        }


@dataclass(frozen=True)
class SObject:
    """An object, such as Contact."""

    name: str
    prefix: str  # of its ids
    columns: Mapping[str, Column]


@dataclass
class Rights:
    """Field-level security of the integration user: what a field is for it, if not `write`.

    https://help.salesforce.com/s/articleView?id=platform.admin_fls.htm
    """

    of: dict[str, Right] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Right:
        return self.of.get(name, "write")

    def seen(self, sobject: SObject) -> Iterator[Column]:
        return (c for c in sobject.columns.values() if self[c.name] != "hidden")


def _system(is_mergeable: bool) -> list[Column]:
    master = [Column("MasterRecordId", "reference", 18, is_system=True)] if is_mergeable else []
    return [
        Column("Id", "id", 18, is_system=True),
        Column("IsDeleted", "boolean", is_system=True),
        *master,
        *(
            Column(name, "reference" if name.endswith("Id") else "datetime", is_system=True)
            for name in BOOKKEEPING
        ),
        Column("SystemModstamp", "datetime", is_system=True),
    ]


# What a deployment of the metadata makes of a type; picklists have 255 characters
# https://developer.salesforce.com/docs/atlas.en-us.api_meta.meta/api_meta/meta_field_types.htm
DEPLOYED = {
    "Text": "string",
    "LongTextArea": "textarea",
    "Number": "double",
    "Date": "date",
    "Picklist": "picklist",
}
LONGEST_CHOICE = 255


def deployed(source: bytes) -> Iterator[Column]:
    """The custom fields of an object's file of metadata, such as `install` writes."""
    names = {"": NAMESPACE}
    # our own file: nobody else's XML is read here
    for told in ElementTree.fromstring(source).iterfind("fields", names):  # noqa: S314
        of = {each.tag.rpartition("}")[2]: each.text or "" for each in told}
        type_ = DEPLOYED[of["type"]]
        yield Column(
            of["fullName"],
            type_,
            length=LONGEST_CHOICE if type_ == "picklist" else int(of.get("length", 0)),
            precision=int(of.get("precision", 0)),
            scale=int(of.get("scale", 0)),
            choices=tuple(value.text or "" for value in told.iterfind(".//value/fullName", names)),
            is_external_id=of.get("externalId") == of.get("unique") == "true",
            is_required=of.get("required") == "true",
        )


KEY = "Sales_Account_Id__c"
# Beside those of the shipped mapping, kinds that it has none of
OTHERS = (
    Column("Score_Rank__c", "double", precision=18, scale=0),
    Column("Score_Updated_At__c", "datetime"),
)
AGES = ("19-24", "25-34", "35-44", "45-54", "55-64", "65+")


def _person(*more: Column) -> list[Column]:
    return [
        *_system(is_mergeable=True),
        Column("LastName", "string", 80, is_required=True),
        Column("FirstName", "string", 40),
        Column("Email", "email", 80),
        Column("Phone", "phone", 40),
        Column("HasOptedOutOfEmail", "boolean"),
        Column("Age_Band__c", "picklist", 255, choices=AGES),
        *deployed(custom_object(KEY)),
        *OTHERS,
        *more,
    ]


def _object(name: str, prefix: str, columns: Iterable[Column]) -> SObject:
    return SObject(name, prefix, {column.name: column for column in columns})


# https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/
# sforce_api_objects_contact.htm, ..._lead.htm, ..._organization.htm
CONTACT = _object("Contact", "003", _person())
LEAD = _object(
    "Lead",
    "00Q",
    _person(
        Column("Company", "string", 255, is_required=True),
        Column("IsConverted", "boolean", is_system=True),
        Column("ConvertedContactId", "reference", 18, is_system=True),
    ),
)
ORGANIZATION = _object(
    "Organization",
    "00D",
    [
        *_system(is_mergeable=False),
        Column("Name", "string", 80, is_system=True),
        Column("IsSandbox", "boolean", is_system=True),
    ],
)
OBJECTS = {each.name: each for each in (CONTACT, LEAD, ORGANIZATION)}
