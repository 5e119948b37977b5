"""What a CRM makes of a text that it is given: the same to a reader, another to a comparison."""

import re
from decimal import Decimal, InvalidOperation

MARKUP = re.compile(r"<[^>]*>")  # Odoo wraps HTML fields in <p>
BLANK = re.compile(r"\s+")


def is_same(value: str | None, shown: str | None) -> bool:
    """Whether a CRM's text is ours in its own form: wrapped, trimmed, or rounded."""
    if value == shown:
        return True
    if value is None or shown is None:
        return False
    return _bare(value) == _bare(shown) or _is_rounded(value, shown)


def _bare(text: str) -> str:
    return BLANK.sub(" ", MARKUP.sub(" ", text)).strip()


def _is_rounded(value: str, shown: str) -> bool:
    try:
        ours, theirs = Decimal(value), Decimal(shown)
    except InvalidOperation:
        return False
    digits = max(0, -int(theirs.as_tuple().exponent))
    return ours.is_finite() and theirs.is_finite() and round(ours, digits) == theirs
