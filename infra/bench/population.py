"""Synthetic customers with planted duplicates: all made up, and who is who is known.

What is hard about real ones is in it: households that share address, telephone or mailbox, parents
and children of one name, siblings whose names are a letter apart, names that many have, Chinese
names in characters, in pinyin or both; and records of one person with slips of the pen, words
changed round, initials, moved mailboxes, new telephones, moves, and fields left empty.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from itertools import count
from pathlib import Path

import yaml

from jobs.spark.likeness import AGE_BANDS

# shares of persons, households or records; all stated, none measured
DUPLICATED = 0.10  # persons with a second record; a fifth of them with a third
SHARED_PHONE, SHARED_EMAIL = 0.5, 0.08  # persons of a household of several
SAME_NAMES, NEAR_NAMES = 0.01, 0.02  # households with parent and child, or siblings, so named
CHINESE = 0.15
EMPTY = {"email": 0.12, "phone": 0.15, "street": 0.10, "age_band": 0.30}  # as first entered

WORDS = {
    kind: text.split()
    for kind, text in yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text()).items()
}
FAMILY = WORDS["family"] + [
    f"{begins}{ends}" for begins in WORDS["family_begins"] for ends in WORDS["family_ends"]
]
PINYIN = {word[0]: f"{word[1:].lower()} " for word in WORDS["han_family"] + WORDS["han_given"]}


@dataclass(frozen=True)
class Record:
    """A customer as the CRM holds it; the first two say who it is."""

    account_id: str
    person: str
    display_name: str
    email: str | None
    phone: str | None
    street: str | None
    postal_code: str | None
    age_band: str | None


COLUMNS = [f.name for f in fields(Record) if f.name != "person"]


def population(customers: int, seed: int) -> list[Record]:
    """`customers` records in random order, their account ids in no order of persons."""
    rng = random.Random(seed)
    codes = [f"{rng.randrange(10_000, 99_999)}" for _ in range(max(customers // 50, 20))]
    found: list[Record] = []
    owners: dict[str, str] = {}
    for home in count():
        if len(found) >= customers:
            break
        for n, first in enumerate(household(rng, codes)):
            person = f"{home}/{n}"
            first = replace(first, person=person)
            first = replace(first, email=own(rng, owners, first))
            again = duplicates(rng, first, codes)
            found += [first, *(replace(r, email=own(rng, owners, r)) for r in again)]
    rng.shuffle(found)
    return [replace(r, account_id=str(10_000 + n)) for n, r in enumerate(found[:customers])]


def own(rng: random.Random, owners: dict[str, str], record: Record) -> str | None:
    """Its mailbox; where another has that one, with a number: no two have the same."""
    email, person = record.email, record.person
    whose = person.partition("/")[0] if ".family" in (email or "") else person
    while email and owners.setdefault(email.lower(), whose) != whose:
        local, _, domain = email.partition("@")
        email = f"{local}{rng.randrange(10)}@{domain}"
    return email


def household(rng: random.Random, codes: list[str]) -> list[Record]:
    """Persons of one address, each as first entered, before fields are left empty."""
    size = rng.choices((1, 2, 3, 4, 5), (45, 30, 12, 10, 3))[0]
    code, street = rng.choice(codes), road(rng)
    is_chinese = rng.random() < CHINESE
    family = rng.choice(WORDS["han_family"]) if is_chinese else zipf(rng, FAMILY)
    names: list[str] = []
    while len(names) < size:  # nobody names two children alike
        one = name(rng, family, is_chinese)
        names += [one] * (not any({*one.split()} & {*n.split()} - {family} for n in names))
    ages = [rng.choice(AGE_BANDS) for _ in range(size)]
    if size > 1 and not is_chinese:
        draw = rng.random()
        if draw < SAME_NAMES:
            names[1], ages[:2] = names[0], [AGE_BANDS[1], AGE_BANDS[4]]
        elif draw < SAME_NAMES + NEAR_NAMES:
            names[:2] = [f"{given} {family}" for given in rng.choice(WORDS["near"]).split("/")]
            ages[1] = ages[0]
    landline, mailbox = number(rng), f"{latin(family).lower()}.family@{rng.choice(WORDS['domain'])}"
    return [
        emptied(
            rng,
            Record(
                account_id="",
                person="",
                display_name=names[n],
                email=mailbox
                if size > 1 and rng.random() < SHARED_EMAIL
                else address(rng, names[n]),
                phone=landline if size > 1 and rng.random() < SHARED_PHONE else number(rng),
                street=street,
                postal_code=code,
                age_band=ages[n],
            ),
        )
        for n in range(size)
    ]


def duplicates(rng: random.Random, first: Record, codes: list[str]) -> list[Record]:
    """More records of a person, each entered anew with what goes wrong then."""
    if rng.random() >= DUPLICATED:
        return []
    return [entered_again(rng, first, codes) for _ in range(1 if rng.random() < 0.8 else 2)]


def entered_again(rng: random.Random, first: Record, codes: list[str]) -> Record:
    def one(*choices: tuple[float, Callable[[], str | None]]) -> str | None:
        made = rng.choices([make for _, make in choices], [share for share, _ in choices])[0]
        return made()

    said = first.display_name
    display_name = one(
        (0.50, lambda: said),
        (0.18, lambda: slip(rng, said)),
        (0.10, lambda: turned(said)),
        (0.06, lambda: initial(said)),
        (0.08, lambda: spelt_out(said)),
        (0.05, lambda: said.upper()),
        (0.03, lambda: f"Dr. {said}"),
    )
    email = first.email or address(rng, said)
    has_moved = rng.random() < 0.15
    street, code = (
        (road(rng), rng.choice(codes)) if has_moved else (first.street, first.postal_code)
    )
    return Record(
        account_id="",
        person=first.person,
        display_name=display_name or said,
        email=one(
            (0.45, lambda: first.email),
            (0.15, lambda: f"{email.partition('@')[0]}@{rng.choice(WORDS['domain'])}"),
            (0.12, lambda: address(rng, said)),
            (0.05, lambda: slip(rng, email.partition("@")[0]) + "@" + email.partition("@")[2]),
            (0.08, lambda: email.upper()),
            (0.15, lambda: None),
        ),
        phone=one(
            (0.60, lambda: first.phone and rewritten(rng, first.phone)),
            (0.17, lambda: number(rng)),
            (0.05, lambda: first.phone and digit_wrong(rng, first.phone)),
            (0.18, lambda: None),
        ),
        street=one(
            (0.60, lambda: street),
            (0.20, lambda: street and street.replace("Street", "St.").replace("Avenue", "Ave")),
            (0.06, lambda: street and slip(rng, street)),
            (0.14, lambda: None),
        ),
        postal_code=code,
        age_band=first.age_band if rng.random() < 0.75 else None,
    )


def zipf(rng: random.Random, names: list[str]) -> str:
    """A few names are common, most are rare."""
    return rng.choices(names, [1 / (n + 10) for n in range(len(names))])[0]


def name(rng: random.Random, family: str, is_chinese: bool) -> str:
    if not is_chinese:
        second = f" {zipf(rng, WORDS['given'])}" if rng.random() < 0.1 else ""
        return f"{zipf(rng, WORDS['given'])}{second} {family}"
    given = rng.sample(WORDS["han_given"], rng.choice((1, 2)))
    han = family[0] + "".join(g[0] for g in given)
    pinyin = f"{family[1:]} {''.join(g[1:] for g in given).capitalize()}"
    return rng.choice((han, pinyin, f"{han} {pinyin}"))


def latin(text: str) -> str:
    """As it stands in a mailbox's name."""
    spelt = "".join(PINYIN.get(c, c) for c in spelt_out(text))
    return "".join(c for c in spelt if c.isascii() and (c.isalnum() or c in " -"))


def spelt_out(said: str) -> str:
    for letter, two in {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "é": "e", "ë": "e"}.items():
        said = said.replace(letter, two)
    return said


def address(rng: random.Random, said: str) -> str:
    """A mailbox of a person: the first to come has the plain name, those after it a number."""
    words = latin(said).lower().split()
    first, last = words[0], words[-1]
    form = rng.choice(
        (f"{first}.{last}", f"{first[0]}{last}", f"{last}.{first[0]}", f"{first}{last}")
    )
    taken = rng.choice(("", f"{rng.randrange(1, 99)}", f"{rng.randrange(1950, 2005)}"))
    return f"{form}{taken}@{rng.choice(WORDS['domain'])}"


def number(rng: random.Random) -> str:
    """A number of the shape of one; drawn at random, nobody's in particular."""
    return f"({rng.randrange(201, 989)}) {rng.randrange(200, 999)}-{rng.randrange(10_000):04}"


def rewritten(rng: random.Random, said: str) -> str:
    digits = "".join(c for c in said if c.isdigit())
    return rng.choice((said, f"+1{digits}", f"{digits[:3]}-{digits[3:6]}-{digits[6:]}", digits))


def digit_wrong(rng: random.Random, said: str) -> str:
    at = rng.randrange(len(said) - 4, len(said))
    return said[:at] + str((int(said[at]) + rng.randrange(1, 10)) % 10) + said[at + 1 :]


def road(rng: random.Random) -> str:
    return f"{rng.randrange(1, 400)} {rng.choice(WORDS['road'])} {rng.choice(WORDS['road_kind'])}"


def slip(rng: random.Random, said: str) -> str:
    """One letter missing, doubled, other, or changed places with the next; not in characters."""
    if not said.isascii() and said[0] in PINYIN:
        han, _, pinyin = said.partition(" ")
        return f"{han} {slip(rng, pinyin)}" if pinyin else said
    at = rng.randrange(1, max(len(said) - 1, 2))
    kinds = (
        said[:at] + said[at + 1 :],
        said[:at] + said[at : at + 1] * 2 + said[at + 1 :],
        said[:at] + rng.choice("aeinrst") + said[at + 1 :],
        said[:at] + said[at + 1 : at + 2] + said[at : at + 1] + said[at + 2 :],
    )
    return rng.choice(kinds)


def turned(said: str) -> str:
    first, _, rest = said.partition(" ")
    return f"{rest}, {first}" if rest else said


def initial(said: str) -> str:
    first, _, rest = said.partition(" ")
    return f"{first[0]}. {rest}" if rest and first[0] not in PINYIN else said


def emptied(rng: random.Random, record: Record) -> Record:
    left = {name: None for name, share in EMPTY.items() if rng.random() < share}
    return replace(record, **left)
