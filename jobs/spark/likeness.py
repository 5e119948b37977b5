"""How likely two accounts are one person: Fellegi and Sunter's weights, field by field, in bits.

A level's weight is log2(m / u): m is how often two records of one person show it, u how often those
of two persons do (Fellegi and Sunter, A Theory for Record Linkage, 1969). The sum with the prior is
the log-odds that they are one. u of an equal value is counted in the data, value by value, as the
share of accounts that have it (Winkler's frequency weights): a rare name says more than a common
one. It comes in `*_bits`, log2(1 / share). All m, and u of the other levels, are stated here.

Chance is not all that makes two persons alike: a household shares name, address and telephone. So
of the last two only the stronger counts, and what tells its members apart, first name and age,
weighs more than chance alone would say.
"""

from collections.abc import Collection
from dataclasses import dataclass
from math import log2

from rapidfuzz.distance import OSA
from rapidfuzz.fuzz import ratio

from jobs.spark import names
from jobs.spark.names import UNKNOWN, Level, Words, is_slip, stronger

DUPLICATES = 0.05  # of all accounts, expected before anything is compared

# m of an equal value, to which its own bits come; and whole weights of the other levels
EMAIL_EQUAL, EMAIL_CLOSE, EMAIL_OTHER = log2(0.5), 4.0, -1.0
PHONE_EQUAL, PHONE_CLOSE, PHONE_OTHER = log2(0.6), 6.0, -1.0
ADDRESS_EQUAL, ADDRESS_OTHER = log2(0.7), -1.0
ADDRESS_CLOSE = 0.0  # to the postal code's bits: how few streets are like it, and how few slips
POSTAL_CODE_EQUAL = log2(0.8)  # of one of the two no street is known
AGE_EQUAL, AGE_NEAR, AGE_FAR = 1.5, -2.0, -9.0

LIKE_STREET = 85  # of 100: from here on the same street, otherwise written

AGE_BANDS = ("19-24", "25-34", "35-44", "45-54", "55-64", "65+")


@dataclass(frozen=True)
class Person:
    """An account as it compares; `*_bits` say how rare a value is among the accounts."""

    words: Words
    email: str | None
    email_bits: int
    phone: str | None
    phone_bits: int
    address: str | None
    address_bits: int
    postal_code: str | None
    postal_code_bits: int
    age_band: str | None


@dataclass(frozen=True)
class Likeness:
    """What a comparison says. `is_key`: a key is equal, and nothing speaks against it."""

    bits: float
    is_key: bool
    evidence: tuple[str, ...]


def compared(a: Person, b: Person, population_bits: int) -> Likeness:
    """Log-odds in bits that two accounts are one person, and why.

    Args:
        population_bits: log2 of the number of accounts.
    """
    name, age = names.compared(a.words, b.words, population_bits), ages(a.age_band, b.age_band)
    mail, number, home = emails(a, b), phones(a, b), addresses(a, b)
    prior = log2(DUPLICATES) - population_bits
    household = stronger(number[0], home[0])
    evidence = tuple(code for _, code in (name, mail, number, home, age) if code)
    bits = prior + name[0] + mail[0] + household + age[0]
    return Likeness(round(bits, 2), is_key(evidence), evidence)


def is_key(evidence: Collection[str]) -> bool:
    """Whether a deterministic key agrees: one name, and a mailbox, a number or an address.

    The address alone where nothing else is other: parents name children after themselves.
    """
    if "name_equal" not in evidence or "age_far" in evidence:
        return False
    if {"email_equal", "phone_equal"} & {*evidence}:
        return True
    return "address_equal" in evidence and not {"email_other", "phone_other"} & {*evidence}


def emails(a: Person, b: Person) -> Level:
    """Close: the same before the @ (a mailbox that moved), or one letter off."""
    if a.email is None or b.email is None:
        return UNKNOWN
    if a.email == b.email:
        return EMAIL_EQUAL + a.email_bits, "email_equal"
    if a.email.partition("@")[0] == b.email.partition("@")[0] or is_slip(a.email, b.email):
        return EMAIL_CLOSE, "email_close"
    return EMAIL_OTHER, "email_other"


def phones(a: Person, b: Person) -> Level:
    """Close: one digit off, or two that changed places."""
    if a.phone is None or b.phone is None:
        return UNKNOWN
    if a.phone == b.phone:
        return PHONE_EQUAL + a.phone_bits, "phone_equal"
    if OSA.distance(a.phone, b.phone, score_cutoff=1) <= 1:
        return PHONE_CLOSE, "phone_close"
    return PHONE_OTHER, "phone_other"


def addresses(a: Person, b: Person) -> Level:
    """Close: in one postal code, the street a little otherwise; the number is the same."""
    if a.postal_code is None or b.postal_code is None:
        return UNKNOWN
    if a.address and a.address == b.address:
        return ADDRESS_EQUAL + a.address_bits, "address_equal"
    if a.postal_code != b.postal_code:
        return ADDRESS_OTHER, "address_other"
    if a.address is None or b.address is None:
        return POSTAL_CODE_EQUAL + a.postal_code_bits, "postal_code_equal"
    one, other = ({w for w in line.split() if w.isdigit()} for line in (a.address, b.address))
    if one == other and ratio(a.address, b.address) >= LIKE_STREET:
        return ADDRESS_CLOSE + a.postal_code_bits, "address_close"
    return ADDRESS_OTHER, "address_other"


def ages(a: str | None, b: str | None) -> Level:
    """Near: the next band, as a birthday makes of it."""
    if a not in AGE_BANDS or b not in AGE_BANDS:
        return UNKNOWN
    apart = abs(AGE_BANDS.index(a) - AGE_BANDS.index(b))
    return ((AGE_EQUAL, "age_equal"), (AGE_NEAR, "age_near"), (AGE_FAR, "age_far"))[min(apart, 2)]
