"""How alike two names are, word by word, in bits (see likeness.py for what a bit is).

Order does not count, a rare word says more than a common one. What may be a slip of the pen is one
only where one of the two words is rare: Anna and Anne are both names that many have.
"""

from collections.abc import Mapping
from math import log2

from rapidfuzz.distance import OSA

from jobs.spark import people

WORD_EQUAL = log2(0.9)  # m; and the bits of how rare the word is
WORD_CLOSE = -3.0  # a slip of the pen: m .12, and the bits of the commoner word
WORD_INITIAL = 3.0  # A. for Anna: m .1, u 1 of 80, since common names have common initials
WORD_EXTRA = -1.0  # a middle name that the other lacks
WORD_OTHER = -13.0  # Anna and Peter: who shares the rest are relatives

RARE_BITS = 1  # below the rarest word there can be: two or three have it, it may be misspelt
RARER_BITS = 5  # or so much rarer than the one that it is like

LEVELS = ("name_equal", "name_part", "name_initial", "name_close", "name_other")

Words = Mapping[str, int]  # word of a name → log2 of how rare it is
Level = tuple[float, str]  # bits and evidence code; without a code: one of the two has no value
UNKNOWN: Level = (0.0, "")


def compared(a: Words, b: Words, rarest: int) -> Level:
    """Bits, and the level of the word that agrees least.

    A name in characters beside the same in pinyin repeats it: the stronger of the two counts. One
    in characters and one in pinyin cannot be compared.

    Args:
        rarest: bits of a word that one account alone has.
    """
    latin = _alike(_written(a, is_han=False), _written(b, is_han=False), rarest)
    han = _alike(_written(a, is_han=True), _written(b, is_han=True), rarest)
    told = [code for _, code in (latin, han) if code]
    return stronger(latin[0], han[0]), max(told, key=LEVELS.index, default="")


def _written(name: Words, is_han: bool) -> dict[str, int]:
    return {word: bits for word, bits in name.items() if people.is_han(word) == is_han}


def stronger(one: float, other: float) -> float:
    """Of two things that say the same only the stronger counts; what speaks against it does too."""
    return max(one, other) + min(one, other, 0.0)


def _alike(mine: dict[str, int], others: dict[str, int], rarest: int) -> Level:
    """Words are taken from both as they find their like: equal ones first."""
    if not mine or not others:
        return UNKNOWN
    found = _equal(mine, others) + _close(mine, others, rarest) + _initials(mine, others)
    found += [(WORD_OTHER, "name_other")] * min(len(mine), len(others))
    found += [(WORD_EXTRA, "name_part")] * abs(len(mine) - len(others))
    return sum(bits for bits, _ in found), max((code for _, code in found), key=LEVELS.index)


def _equal(mine: dict[str, int], others: dict[str, int]) -> list[Level]:
    found = []
    for word in sorted(mine.keys() & others.keys()):
        found.append((WORD_EQUAL + mine.pop(word), "name_equal"))
        del others[word]
    return found


def _close(mine: dict[str, int], others: dict[str, int], rarest: int) -> list[Level]:
    found = []
    for word in sorted(mine):
        partner = next((other for other in sorted(others) if is_slip(word, other)), None)
        if partner is None:
            continue
        common, rare = sorted((mine[word], others[partner]))
        if rare >= rarest - RARE_BITS or rare - common >= RARER_BITS:
            del mine[word], others[partner]
            found.append((common + WORD_CLOSE, "name_close"))
    return found


def _initials(mine: dict[str, int], others: dict[str, int]) -> list[Level]:
    found = []
    for short, full in ((mine, others), (others, mine)):
        for word in [w for w in sorted(short) if len(w) == 1]:
            partner = next((w for w in sorted(full) if w.startswith(word)), None)
            if partner is not None:
                del short[word], full[partner]
                found.append((WORD_INITIAL, "name_initial"))
    return found


def is_slip(a: str, b: str) -> bool:
    """One letter, or in a long word two, wrong, missing, too many or changed places.

    Not where the end alone differs (Erik and Erika, Marie and Maria), nor in numbers or characters.
    """
    longest = max(len(a), len(b))
    if longest < 4 or people.is_han(a) or any(c.isdigit() for c in a + b):
        return False
    if a.rstrip("aeio") == b.rstrip("aeio"):
        return False
    return OSA.distance(a, b, score_cutoff=2) <= (2 if longest >= 8 else 1)
