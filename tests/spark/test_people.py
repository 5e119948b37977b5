"""However a name, an address or a number is written: it compares as the same."""

import pytest

from jobs.spark import people


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna Müller", "MUELLER, Anna"),
        ("Anna Müller", "Anna Muller"),
        ("Dr. Anna-Maria Groß", "anna maria gross"),
        ("Seán O'Brien", "Sean OBrien"),
        ("王 伟", "王伟"),
    ],
)
def test_a_name_is_the_same_in_another_writing(one: str, other: str) -> None:
    assert people.words(one) == people.words(other)


def test_characters_are_one_word_and_pinyin_words_of_its_own() -> None:
    assert people.words("王伟 (Wang Wei)") == ("wang", "wei", "王伟")


@pytest.mark.parametrize("nothing", [None, "", "  ", "Dr.", "—"])
def test_a_name_without_words_is_none(nothing: str | None) -> None:
    assert people.words(nothing) == ()


@pytest.mark.parametrize(
    ("written", "mailbox"),
    [
        (" Anna.Mueller@Example.COM ", "anna.mueller@example.com"),
        ("anna+shop@example.com", "anna@example.com"),
        ("An.Na@googlemail.com", "anna@gmail.com"),
        ("anna", None),
        ("anna@home", None),
        ("two people@example.com", None),
        (None, None),
    ],
)
def test_a_mailbox_is_what_the_post_goes_to(written: str | None, mailbox: str | None) -> None:
    assert people.email(written) == mailbox


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("(212) 555-0123", "+12125550123"),
        ("+1 212 555 0123", "+12125550123"),
        ("+49 (0)30 123456", "+4930123456"),
        ("none", None),
        ("12", None),
        (None, None),
    ],
)
def test_a_number_is_what_one_dials(written: str | None, number: str | None) -> None:
    assert people.phone(written) == number


def test_an_address_is_a_code_and_a_street() -> None:
    assert people.address("5 Main Street", "02134") == people.address("5 MAIN ST.", "02134")
    assert people.address("Lange Straße 7", "10117") == people.address("Langestr. 7", "10117")
    assert people.address("5 Main Street", "02134") != people.address("6 Main Street", "02134")
    assert people.address("5 Main Street", None) is None
    assert people.postal_code("SW1A 1AA") == "sw1a1aa"
