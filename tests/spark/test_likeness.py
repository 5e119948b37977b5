"""How alike two customers are: each level by a pair that shows it, and the sum by hand."""

from dataclasses import replace
from math import log2

import pytest

from jobs.spark import names, people
from jobs.spark.likeness import DUPLICATES, Person, compared

RAREST = 11  # bits: one of 2,048 accounts

ANNA = Person(
    words={"anna": 5, "brown": 6},
    email="anna@example.com",
    email_bits=10,
    phone="+12125550123",
    phone_bits=10,
    address="02134 5 main st",
    address_bits=9,
    postal_code="02134",
    postal_code_bits=5,
    age_band="35-44",
)


def level(one: str, other: str, bits: int = 5) -> str:
    """Of two names whose words are all as common."""
    a, b = (dict.fromkeys(people.words(name), bits) for name in (one, other))
    return names.compared(a, b, RAREST)[1]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Anna Brown", "Brown Anna", "name_equal"),
        ("Anna Maria Brown", "Anna Brown", "name_part"),
        ("A. Brown", "Anna Brown", "name_initial"),
        ("Anna Brown", "Peter Brown", "name_other"),
        ("Julia Brown", "Julian Brown", "name_other"),  # many have either name
        ("王伟 Wang Wei", "王伟", "name_equal"),
        ("王伟", "王明", "name_other"),
        ("王伟", "Wang Wei", ""),
        ("Branch 12", "Branch 13", "name_other"),
        ("Anna Brown", "", ""),
    ],
)
def test_names_are_told_apart_word_by_word(one: str, other: str, expected: str) -> None:
    assert level(one, other) == expected
    assert level(other, one) == expected


@pytest.mark.parametrize(
    ("one", "other", "is_slip"),
    [
        ("michael", "micheal", True),
        ("brown", "browne", False),  # the end alone: Erik and Erika are two
        ("brown", "brwn", True),
        ("lea", "leo", False),
        ("schwarzmeier", "schwarsmeir", True),
        ("branch12", "branch13", False),
    ],
)
def test_what_may_be_a_slip_of_the_pen(one: str, other: str, is_slip: bool) -> None:
    assert names.is_slip(one, other) is is_slip


def test_a_slip_is_one_only_where_a_word_is_rare() -> None:
    common = {"michael": 3, "brown": 5}
    assert names.compared(common, {"micheal": RAREST, "brown": 5}, RAREST)[1] == "name_close"
    assert names.compared(common, {"micheal": 4, "brown": 5}, RAREST)[1] == "name_other"


def test_the_sum_of_all_weights() -> None:
    found = compared(ANNA, ANNA, RAREST)
    name = 5 + 6 + 2 * log2(0.9)
    mail, number, home, age = 10 + log2(0.5), 10 + log2(0.6), 9 + log2(0.7), 1.5
    prior = log2(DUPLICATES) - RAREST
    # of telephone and address the stronger
    assert found.bits == round(prior + name + mail + max(number, home) + age, 2)
    assert found.evidence == (
        *("name_equal", "email_equal", "phone_equal", "address_equal", "age_equal"),
    )
    assert found.is_key


@pytest.mark.parametrize(
    ("told", "code", "is_key"),
    [
        ({"email": "anna@example.org"}, "email_close", True),
        ({"email": "brown@example.com"}, "email_other", True),
        ({"email": None}, "phone_equal", True),
        ({"phone": "+12125550132"}, "phone_close", True),
        ({"phone": "+12125559999"}, "phone_other", True),
        ({"address": "02134 5 mian st"}, "address_close", True),
        ({"address": "02134 6 main st"}, "address_other", True),
        ({"address": None}, "postal_code_equal", True),
        ({"age_band": "45-54"}, "age_near", True),
        ({"age_band": "65+"}, "age_far", False),
        ({"words": {"peter": 5, "brown": 6}}, "name_other", False),
        ({"email": None, "phone": None}, "address_equal", True),
        # mother and daughter of one name
        ({"email": None, "phone": "+12125559999"}, "address_equal", False),
    ],
)
def test_each_level_has_its_code(told: dict[str, object], code: str, is_key: bool) -> None:
    found = compared(ANNA, replace(ANNA, **told), RAREST)  # type: ignore[arg-type]
    assert code in found.evidence
    assert found.is_key is is_key
    assert compared(replace(ANNA, **told), ANNA, RAREST) == found  # type: ignore[arg-type]


def test_a_rare_name_says_more_than_a_common_one() -> None:
    rare = replace(ANNA, words={"anna": 5, "brown": RAREST})
    assert compared(rare, rare, RAREST).bits == compared(ANNA, ANNA, RAREST).bits + 5


def test_members_of_a_household_are_apart_and_one_that_moved_is_not() -> None:
    peter = replace(ANNA, words={"peter": 5, "brown": 6}, email="peter@example.com")
    moved = replace(ANNA, address="99999 1 oak rd", postal_code="99999", phone=None)
    assert compared(ANNA, peter, RAREST).bits < -2
    assert compared(ANNA, moved, RAREST).bits > 2
