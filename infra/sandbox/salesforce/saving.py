"""How a record is saved, whoever sends it: checks in the order of Salesforce, then the stamps.

https://developer.salesforce.com/docs/atlas.en-us.apexcode.meta/apexcode/apex_triggers_order_of_execution.htm;
the codes: https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from infra.sandbox.salesforce import ids
from infra.sandbox.salesforce.errors import RowError
from infra.sandbox.salesforce.org import INTEGRATION, Org
from infra.sandbox.salesforce.schema import Column, SObject
from infra.sandbox.salesforce.storage import external_ids
from infra.sandbox.salesforce.values import kept, now

Operation = Literal["insert", "update", "upsert"]
NAMELESS = {"LastName": "Unnamed", "Company": "Unnamed"}


class Saving:
    """Records of one object, written by one user; those of one request are one instant's."""

    def __init__(self, org: Org, sobject: SObject, user: str = INTEGRATION) -> None:
        self._org, self._of, self._user, self._at = org, sobject, user, now()

    def update(self, told: Mapping[str, Any]) -> str:
        """Write into the record whose `Id` stands among the values; returns that.

        Raises:
            RowError: it is refused.
        """
        values = dict(told)
        record_id = ids.whole(values.pop("Id", None))
        number = self._number(record_id)
        self._write(number, record_id, self._kept(values))
        return record_id

    def upsert(self, key: str, told: Mapping[str, Any]) -> tuple[str, bool]:
        """Write into the record with this external id, or make it; returns id, is new.

        Raises:
            RowError: it is refused.
        """
        wanted = kept(self._of.columns[key], told.get(key))
        if wanted is None:
            raise RowError("MISSING_ARGUMENT", f"{key} not specified", key)
        values = self._kept(told)
        found = self._found(key, wanted)
        if not found:
            return self.insert(values), True
        number, record_id = found[0]
        self._write(number, record_id, values)
        return record_id, False

    def insert(self, values: Mapping[str, Any]) -> str:
        """Make a record of values that are checked; returns its id."""
        given = dict(values)
        if self._org.habits.names_the_nameless:
            # before-save flows come before the check of required fields
            given |= {
                n: v for n, v in NAMELESS.items() if n in self._of.columns and not given.get(n)
            }
        missing = [
            c.name for c in self._of.columns.values() if c.is_required and not given.get(c.name)
        ]
        if missing:
            told = f"Required fields are missing: [{', '.join(missing)}]"
            raise RowError("REQUIRED_FIELD_MISSING", told, *missing)
        self._check_unique(None, given)
        booleans = {c.name: 0 for c in self._of.columns.values() if c.type == "boolean"}
        made = {"CreatedDate": self._at, "CreatedById": self._user}
        return self._org.storage.insert(self._of, [booleans | given | made | self._stamps()])[0]

    def _write(self, number: int, record_id: str, values: Mapping[str, Any]) -> None:
        self._check_lock(record_id)
        if empty := [n for n, v in values.items() if v is None and self._of.columns[n].is_required]:
            told = f"Required fields are missing: [{', '.join(empty)}]"
            raise RowError("REQUIRED_FIELD_MISSING", told, *empty)
        self._check_unique(number, values)
        self._org.storage.update(self._of, number, {**values, **self._stamps()})

    def _stamps(self) -> dict[str, str]:
        written = {"LastModifiedDate": self._at, "LastModifiedById": self._user}
        return {**written, "SystemModstamp": self._at}

    def _kept(self, told: Mapping[str, Any]) -> dict[str, Any]:
        self._check_rights(told)
        return {name: kept(self._of.columns[name], value) for name, value in told.items()}

    def _check_rights(self, told: Mapping[str, Any]) -> None:
        """Field-level security of a field that may be seen, and what only Salesforce writes."""
        closed = [name for name in told if not self._may_write(self._of.columns[name])]
        if closed:
            message = (
                f"Unable to create/update fields: {', '.join(closed)}. Please check the security "
                "settings of this field and verify that it is read/write for your profile or "
                "permission set."
            )
            raise RowError("INVALID_FIELD_FOR_INSERT_UPDATE", message, *closed)

    def _may_write(self, column: Column) -> bool:
        is_person = self._user != INTEGRATION
        return not column.is_system and (is_person or self._org.rights[column.name] == "write")

    def _number(self, record_id: str) -> int:
        found = self._org.storage.find(self._of, "Id", record_id)
        if not found:
            raise RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        [(number, _, is_deleted)] = found
        if is_deleted:
            raise RowError("ENTITY_IS_DELETED", "entity is deleted")
        return number

    def _found(self, key: str, value: Any) -> list[tuple[int, str]]:
        """Records with an external id; those in the recycle bin do not count (*assumed*)."""
        found = self._org.storage.find(self._of, key, value)
        return [(number, record_id) for number, record_id, is_deleted in found if not is_deleted]

    def _check_unique(self, number: int | None, values: Mapping[str, Any]) -> None:
        for key in external_ids(self._of):
            others = self._found(key, values[key]) if values.get(key) is not None else []
            if others and others[0][0] != number:
                of = f"duplicates value on record with id: {others[0][1]}"
                raise RowError("DUPLICATE_VALUE", f"duplicate value found: {key} {of}", key)

    def _check_lock(self, record_id: str) -> None:
        if self._org.locked.get(record_id, 0) > 0:
            self._org.locked[record_id] -= 1
            message = "unable to obtain exclusive access to this record or 1 records: " + record_id
            raise RowError("UNABLE_TO_LOCK_ROW", message)


def repeated(told: Iterable[str | None]) -> set[str]:
    """External ids that stand twice in a request: all their rows are refused (*assumed*)."""
    return {value for value, times in Counter(told).items() if value and times > 1}
