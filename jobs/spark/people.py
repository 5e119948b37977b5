"""Names, e-mail addresses, telephone numbers and addresses as they compare, however written."""

import re
import unicodedata
from functools import lru_cache

import phonenumbers

PHONE_REGION = "US"  # of a number without a country code: where the company sells
TITLES = {"dr", "prof", "mr", "mrs", "ms", "miss", "herr", "frau"}  # say nothing of who it is
# one mailbox whatever stands before the @: the provider ignores the dots
DOTLESS = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}
STREETS = {
    "street": "st",
    "road": "rd",
    "avenue": "ave",
    "drive": "dr",
    "lane": "ln",
    "court": "ct",
}

HAN = "\u3400-\u4dbf\u4e00-\u9fff"
WORD = re.compile(rf"[{HAN}]+|[^\W_{HAN}]+")
# letters that do not come apart into a plain one and a mark
LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})


@lru_cache(maxsize=100_000)
def folded(text: str) -> str:
    """Small letters without marks; Müller, Mueller and Muller are one, and so are ß and ss."""
    apart = unicodedata.normalize("NFKD", text.casefold().translate(LETTERS))
    plain = "".join(c for c in apart if not unicodedata.combining(c))
    return re.sub("([aou])e", r"\1", re.sub("['’`]", "", plain))


@lru_cache(maxsize=100_000)
def words(name: str | None) -> tuple[str, ...]:
    """Words of a name in order of the alphabet: who writes the family name first is the same.

    Chinese characters are one word however spaced; pinyin beside them makes words of its own.
    """
    found = WORD.findall(folded(name or ""))
    han = "".join(word for word in found if is_han(word))
    latin = {word for word in found if not is_han(word) and word not in TITLES}
    return tuple(sorted(latin | ({han} if han else set())))


def is_han(word: str) -> bool:
    return bool(re.match(f"[{HAN}]", word))


@lru_cache(maxsize=100_000)
def email(text: str | None) -> str | None:
    """The mailbox: small letters, without what follows a plus; null: no address."""
    local, at, domain = (text or "").strip().lower().rpartition("@")
    if not at or not local or "." not in domain or re.search(r"\s", local):
        return None
    local = local.partition("+")[0]
    if domain in DOTLESS:
        local, domain = local.replace(".", ""), DOTLESS[domain]
    return f"{local}@{domain}"


@lru_cache(maxsize=100_000)
def phone(text: str | None) -> str | None:
    """The number as E.164, such as +12125550123; null: none that could be dialled."""
    try:
        number = phonenumbers.parse(text or "", PHONE_REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=100_000)
def postal_code(text: str | None) -> str | None:
    """Letters and digits alone; null: there are none."""
    return re.sub(r"[\W_]", "", text or "").lower() or None


@lru_cache(maxsize=100_000)
def address(street: str | None, code: str | None) -> str | None:
    """Postal code and street with number, such as `10117 main st 5`; null: one is missing."""
    line = " ".join(STREETS.get(word, word) for word in WORD.findall(folded(street or "")))
    line = re.sub(r"\s?str(?:as*e)?\b", "str", line)  # Hauptstrasse, Hauptstr., Haupt Straße
    return f"{postal_code(code)} {line}" if line and postal_code(code) else None
