"""Which CRM is read, and which of its fields is which column of ours: YAML that people review.

`crm_tryton.yaml` and `crm_odoo.yaml` stand beside this; CRM_SOURCE names the one that counts.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from jobs import reviewed
from jobs.crm.access import Access, led_by
from jobs.crm.adapter import CrmError
from jobs.reviewed import NoYaml, Part, Server
from jobs.settings import settings
from jobs.table import columns, table

# What every record tells beside its fields, by our names
CHANGED_AT, AS_OF, IS_ACTIVE, MERGED_INTO = "changed_at", "as_of_date", "is_active", "merged_into"
ID = "id"
IDS = {"accounts": "record_id", "opportunities": "opportunity_id", "activities": "activity_id"}
TOLD_BY_RECORD = (IS_ACTIVE, MERGED_INTO)  # where no field of the CRM is named for them


class Read(Part):
    """One kind of records of the CRM, and the entity that they are to us."""

    name: str
    entity: str
    object: str | None = None  # by the CRM's name; null: its customers
    only: tuple[Any, ...] = ()  # which of them, as the CRM writes conditions
    columns: Mapping[str, str | None]  # our column → the CRM's field; null: it has none
    constants: Mapping[str, str] = {}  # our column → what all of them have there
    values: Mapping[str, Mapping[str, str]] = {}  # our column → the CRM's value → ours

    @model_validator(mode="after")
    def whole(self) -> "Read":
        """Every column of the bronze table is told of, once, and no field is read twice."""
        if self.entity not in IDS:
            raise ValueError(f"entity {self.entity!r} is none of {', '.join(IDS)}")
        wanted = {column.name for column in columns(table(f"bronze.{self.entity}").schema)}
        told = {*self.columns, *self.constants, *self.by_record}
        faults = [
            f"{fault} {', '.join(sorted(which))}"
            for fault, which in {
                "no word of": wanted - told,
                "bronze has no": told - wanted,
                "told twice:": set(self.columns) & {*self.constants, *self.by_record},
                "two columns are read from": self._twice,
                "values of what is not read:": set(self.values) - set(self.fields.values()),
            }.items()
            if which
        ]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @cached_property
    def fields(self) -> Mapping[str, str]:
        """The CRM's fields → our columns."""
        return {field: column for column, field in self.columns.items() if field is not None}

    @cached_property
    def landed(self) -> Mapping[str, str]:
        """All columns of a file → ours; those of the record itself have our names there."""
        own = {name: name for name in self.by_record if name != IDS[self.entity]}
        return {ID: IDS[self.entity], **self.fields, **own}

    @cached_property
    def by_record(self) -> tuple[str, ...]:
        """Our columns that every record tells, whatever its fields."""
        has = {column.name for column in columns(table(f"bronze.{self.entity}").schema)}
        spare = [name for name in TOLD_BY_RECORD if name in has and name not in self.columns]
        return (IDS[self.entity], *spare, CHANGED_AT, AS_OF)

    @property
    def without(self) -> dict[str, str | None]:
        """Our columns that the files lack, with what all rows have there."""
        return {c: None for c, field in self.columns.items() if field is None} | dict(
            self.constants
        )

    @property
    def system(self) -> str:
        """As its batches are called."""
        return "crm" if self.name == self.entity else f"crm_{self.name}"

    @property
    def key(self) -> str:
        """The field that tells a customer's account_id."""
        return self.columns["account_id"] or ""

    @property
    def _twice(self) -> set[str]:
        named = [field for field in self.columns.values() if field is not None]
        reserved = {ID, *self.by_record}
        return {field for field in named if named.count(field) > 1 or field in reserved}


class CrmMap(Part):
    """A file's content: the way to the CRM, and what is read there, customers first."""

    path: Path
    adapter: str
    server: Server = Field(default_factory=dict)
    reads: tuple[Read, ...] = Field(min_length=1)

    def access(self) -> Access:
        """The way to the CRM; its secret is resolved here, in the process that uses it.

        Raises:
            CrmError: it would go over a network unencrypted.
            SettingsError: its secret is nowhere.
        """
        secret = settings().secret(self.server.get("secret", self.adapter))
        return replace(led_by(self.path.name, self.server), secret=secret)


def crm_map(path: Path | None = None) -> CrmMap:
    """The map that counts.

    Args:
        path: of another one.

    Raises:
        CrmError: it cannot be used; the message names every fault at once.
    """
    path = path or settings().crm_source
    try:
        told = reviewed.read(path.read_text(encoding="utf-8"))
        named = [{"name": n, "entity": n, **of} for n, of in told.pop("reads").items()]
        return CrmMap.model_validate({**told, "path": path, "reads": named})
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()]
    except NoYaml as error:
        faults = [str(error)]
    except (OSError, UnicodeError, AttributeError, LookupError, TypeError) as error:
        faults = [f"no map of a CRM ({type(error).__name__}: {error})"]
    raise CrmError("data", f"{path}: {'; '.join(faults)}; see docs/crm.md")
