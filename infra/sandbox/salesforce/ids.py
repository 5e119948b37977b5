"""Record ids: 15 characters in which case counts, and 3 that save it where case is lost.

https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/field_types.htm (ID field type)
"""

import re
import string

from infra.sandbox.salesforce.errors import RowError

# In the order of their codes: ids sort as the records were made
DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
CHECKS = string.ascii_uppercase + "012345"
POD = "5g0"  # of the server that made the record; *assumed*
FORM = re.compile(r"[0-9A-Za-z]{15}(?:[A-Z0-5]{3})?")


def made(prefix: str, number: int) -> str:
    """The id of the n-th record of an object, by the object's three characters."""
    digits = ""
    for _ in range(9):
        number, digit = divmod(number, len(DIGITS))
        digits = DIGITS[digit] + digits
    return checked(prefix + POD + digits)


def checked(fifteen: str) -> str:
    """With its last three characters: each says which of five letters are capitals."""
    parts = (fifteen[at : at + 5] for at in (0, 5, 10))
    bits = (sum(1 << i for i, letter in enumerate(part) if letter.isupper()) for part in parts)
    return fifteen + "".join(CHECKS[bit] for bit in bits)


def whole(told: object) -> str:
    """The 18 characters of an id of 15 or 18.

    Raises:
        RowError: it is none.
    """
    if (
        not isinstance(told, str)
        or not FORM.fullmatch(told)
        or told != checked(told[:15])[: len(told)]
    ):
        raise RowError("MALFORMED_ID", f"id value of incorrect type: {told}", "Id")
    return checked(told[:15])
