"""One text per value: what makes no difference to a person makes none to a plan."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from jobs.crm.access import Access, connect
from jobs.crm.adapter import Field, NotCanonical, canonical

SCORE = Field("score", "number", scale=4)
GRADE = Field("grade", "choice", choices=("A", "B"))
BAND = Field("band", "text", length=5)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        (BAND, None, None),
        (BAND, "", None),
        (BAND, "  \n", None),
        (BAND, " low ", "low"),
        (Field("t", "text"), "one  \r\ntwo\n", "one\ntwo"),
        (SCORE, 0.1 + 0.2, "0.3"),
        (SCORE, Decimal("0.3000"), "0.3"),
        (SCORE, 1000, "1000"),
        (SCORE, -0.00001, "0"),
        (SCORE, "0.12345", "0.1234"),
        (Field("i", "integer"), 7.0, "7"),
        (GRADE, "A", "A"),
        (Field("d", "date"), dt.date(2017, 11, 26), "2017-11-26"),
        (
            Field("at", "timestamp"),
            dt.datetime(2017, 11, 26, 7, 0, 0, 5, dt.timezone(dt.timedelta(hours=2))),
            "2017-11-26T05:00:00+00:00",
        ),
        (Field("b", "boolean"), True, "true"),
        (Field("b", "boolean"), False, "false"),
    ],
)
def test_a_value_has_one_text(field: Field, value: Any, text: str | None) -> None:
    assert canonical(field, value) == text
    assert canonical(field, text) == text, "a canonical text is its own"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        (BAND, "longer", "too_long"),
        (GRADE, "Q", "not_a_choice"),
        (SCORE, "many", "not_a_number"),
        (SCORE, float("nan"), "not_finite"),
        (Field("at", "timestamp"), dt.datetime(2017, 11, 26), "not_a_timestamp"),
        (Field("d", "date"), dt.datetime(2017, 11, 26), "not_a_date"),
        (Field("d", "date"), "Household 101", "^not_a_date$"),
        (Field("at", "timestamp"), "Household 101", "^not_a_timestamp_with_a_zone$"),
    ],
)
def test_what_a_field_cannot_hold_is_named(field: Field, value: Any, reason: str) -> None:
    with pytest.raises(NotCanonical, match=reason):
        canonical(field, value)


def test_an_unknown_adapter_names_the_file_that_is_missing() -> None:
    with pytest.raises(ValueError, match=r"jobs/crm/pipedrive\.py"):
        connect("pipedrive", Access("p", "http://127.0.0.1:9", "", "x"))


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ("12345678901234567890123456789012", "12345678901234567890123456789012"),
        ("12345678901234567890123456789.256", "12345678901234567890123456789.26"),
        (1e308, f"1{'0' * 308}"),
        ("-0.001", "0"),
    ],
)
def test_no_digit_of_a_long_number_is_lost(told: object, text: str) -> None:
    assert canonical(Field("value", "number", scale=2), told) == text
    with pytest.raises(NotCanonical, match="not_finite"):
        canonical(Field("value", "number", scale=2), "1e309")
