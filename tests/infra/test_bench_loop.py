"""The loop by hand sends what a delivery would: every mapped field, another value in each turn."""

import pytest

from infra.bench import loop
from jobs.crm.adapter import Field
from jobs.delivery import mapping as mappings
from tests.connections import SHIPPED


@pytest.mark.parametrize("name", ["tryton", "odoo"])
def test_every_field_gets_another_value_in_each_turn(name: str) -> None:
    mapping = mappings.parse(name, (SHIPPED / f"{name}.yaml").read_text())
    fields = {field: Field(field, "text") for field in mapping.fields}
    first, second = (loop.as_sent(mapping, fields, loop.row("101", 1, turn)) for turn in (1, 2))
    assert first.keys() == mapping.fields.keys()
    same = [field for field in first if first[field] == second[field]]
    assert [mapping.fields[field].transform for field in same] == ["link"]  # to the customer's page
