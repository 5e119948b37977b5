"""Values of fields: as JSON and CSV bring them, as they are kept, and as they are shown.

Kept are text, a number, 0 or 1, a day (2017-01-31), an instant of UTC (2017-01-31T12:00:00Z: rest
and bulk give milliseconds, but an instant is kept to the second).
https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/primitive_data_types.htm
"""

import datetime as dt
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from infra.sandbox.salesforce.errors import RowError
from infra.sandbox.salesforce.schema import Column

MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
TEXTS = frozenset({"string", "textarea", "email", "phone", "picklist", "reference", "id"})


def kept(column: Column, told: Any) -> Any:
    """A value as it is kept; blank text is null.

    Raises:
        RowError: the field cannot hold it.
    """
    if told is None or (isinstance(told, str) and not told.strip()):
        if column.type == "boolean":
            raise _wrong_type(column, told)
        return None
    return _KEPT.get(column.type, _text)(column, told)


def _text(column: Column, told: Any) -> str:
    if not isinstance(told, str):
        raise _wrong_type(column, told)
    text = told.strip()  # *assumed*: blanks at both ends go
    if len(text) > column.length:
        message = f"{column.label}: data value too large: {text} (max length={column.length})"
        raise RowError("STRING_TOO_LONG", message, column.name)
    if column.choices and text not in column.choices:
        message = f"{column.label}: bad value for restricted picklist field: {text}"
        raise RowError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, column.name)
    if column.type == "email" and not MAIL.fullmatch(text):
        message = f"{column.label}: invalid email address: {text}"
        raise RowError("INVALID_EMAIL_ADDRESS", message, column.name)
    return text


def _number(column: Column, told: Any) -> float:
    if isinstance(told, bool):
        raise _wrong_type(column, told)
    try:
        number = Decimal(str(told))
    except InvalidOperation:
        raise _wrong_type(column, told) from None
    if not number.is_finite() or abs(number) >= 10 ** (column.precision - column.scale):
        message = f"{column.label}: value outside of valid range: {told}"
        raise RowError("NUMBER_OUTSIDE_VALID_RANGE", message, column.name)
    return float(number.quantize(Decimal(1).scaleb(-column.scale), ROUND_HALF_UP))


def _boolean(column: Column, told: Any) -> int:
    if isinstance(told, str) and told.lower() in {"true", "false"}:
        return int(told.lower() == "true")
    if not isinstance(told, bool):
        raise _wrong_type(column, told)
    return int(told)


def _day(column: Column, told: Any) -> str:
    try:
        return dt.date.fromisoformat(str(told)).isoformat()
    except ValueError:
        raise _wrong_type(column, told) from None


def _instant(column: Column, told: Any) -> str:
    try:
        return instant(dt.datetime.fromisoformat(str(told)))
    except ValueError:
        raise _wrong_type(column, told) from None


def _wrong_type(column: Column, told: Any) -> RowError:
    message = f"{column.label}: value not of required type: {told}"
    return RowError("INVALID_TYPE_ON_FIELD_IN_RECORD", message, column.name)


_KEPT: dict[str, Callable[[Column, Any], Any]] = {
    "double": _number,
    "boolean": _boolean,
    "date": _day,
    "datetime": _instant,
}


def instant(at: dt.datetime) -> str:
    """An instant as it is kept; one without a zone is of UTC."""
    at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def now() -> str:
    return instant(dt.datetime.now(dt.UTC))


def as_json(column: Column, value: Any) -> Any:
    """A value in an answer of REST."""
    if value is None:
        return None
    if column.type == "boolean":
        return bool(value)
    return value.replace("Z", ".000+0000") if column.type == "datetime" else value


def as_cell(column: Column) -> str:
    """A field as SQL selects it for a CSV file of the bulk API: a million rows pass here."""
    if column.type == "boolean":
        return f"iif({column.name}, 'true', 'false')"
    if column.type == "datetime":
        return f"replace({column.name}, 'Z', '.000Z')"
    return column.name
