"""Which tables a command means: T; +T with all that it is made from; T+ with all made from it."""

from collections.abc import Iterable

from jobs.table import LAYERS, UnknownTable, in_build_order, table


def selected(words: Iterable[str]) -> list[str]:
    """The tables that the words name, inputs first.

    Raises:
        UnknownTable: a word names no table that is built.
    """
    order = in_build_order()
    wanted: set[str] = set()
    for word in words:
        name = word.removeprefix("+").removesuffix("+")
        if name not in order:
            layers = ", ".join(LAYERS)
            raise UnknownTable(f"no table {name!r} in {layers}: `make plan` lists all there are")
        wanted.add(name)
        if word.startswith("+"):
            wanted |= _upstream(name, order)
        if word.endswith("+"):
            wanted |= _downstream(name, order)
    return [name for name in order if name in wanted]


def _upstream(name: str, order: list[str]) -> set[str]:
    found = {name}
    for each in reversed(order):
        if each in found:
            found |= {arrow.name for arrow in table(each).inputs}
    return found


def _downstream(name: str, order: list[str]) -> set[str]:
    found = {name}
    for each in order:
        if found & {arrow.name for arrow in table(each).inputs}:
            found.add(each)
    return found
