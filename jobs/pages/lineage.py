"""What a table is made from and what is made from it, and the picture of it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from jobs.table import LAYERS, names, table

# in pixels
HEIGHT = 26  # of a box
SIGN, MARGIN = 7, 10  # a letter's width in its name, and what is left before and behind it
GAP_X, GAP_Y = 44, 10
HEAD = 24  # the layers' names


@dataclass(frozen=True)
class Box:
    """A table in a picture."""

    name: str
    x: int
    y: int
    is_this: bool
    width: int
    height: int = HEIGHT

    @property
    def short(self) -> str:
        return self.name.partition(".")[2]


@dataclass(frozen=True)
class Picture:
    """Boxes layer by layer from left to right, and arrows along the inputs."""

    boxes: Sequence[Box]
    arrows: Sequence[str]  # paths of SVG
    heads: Sequence[tuple[str, int]]  # over each column its layer, and where it begins
    width: int
    height: int


def inputs(known: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Each of these tables that is built, and which of them it is made from."""
    return {
        name: tuple(arrow.name for arrow in table(name).inputs if arrow.name in known)
        for name in names(LAYERS)
        if name in known
    }


def turned(arrows: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """The same arrows from their other end."""
    found: dict[str, tuple[str, ...]] = dict.fromkeys(arrows, ())
    for name, sources in arrows.items():
        for source in sources:
            found[source] += (name,)
    return found


def reached(name: str, arrows: Mapping[str, Iterable[str]]) -> set[str]:
    """Everything that can be come to from a table, itself left out."""
    found: set[str] = set()
    to_do = list(arrows[name])
    while to_do:
        each = to_do.pop()
        if each not in found:
            found.add(each)
            to_do += arrows[each]
    return found


def picture(arrows: Mapping[str, Iterable[str]], of: str | None = None) -> Picture:
    """All tables, or one with all before and behind it."""
    wanted = set(arrows)
    if of:
        wanted = {of} | reached(of, arrows) | reached(of, turned(arrows))
    columns = _columns(arrows, wanted)
    heads: list[tuple[str, int]] = []
    boxes: list[Box] = []
    x = 0
    tallest = max((len(column) for _, column in columns), default=0)
    for layer, column in columns:
        heads.append((layer, x))
        width = 2 * MARGIN + SIGN * max(len(name.partition(".")[2]) for name in column)
        top = HEAD + (tallest - len(column)) * (HEIGHT + GAP_Y) // 2
        for place, name in enumerate(column):
            boxes.append(Box(name, x, top + place * (HEIGHT + GAP_Y), name == of, width))
        x += width + GAP_X
    height = HEAD + tallest * (HEIGHT + GAP_Y)
    return Picture(boxes, _paths(arrows, boxes), heads, max(x - GAP_X, 0), height)


def _columns(arrows: Mapping[str, Iterable[str]], wanted: set[str]) -> list[tuple[str, list[str]]]:
    """Tables side by side: a layer, and within it what is made from its other tables after them."""
    found = []
    for layer in LAYERS:
        left = {name for name in wanted if name.startswith(f"{layer}.")}
        while left:
            first = {name for name in left if not left & set(arrows[name])}
            found.append((layer, sorted(first)))
            left -= first
    return found


def _paths(arrows: Mapping[str, Iterable[str]], boxes: Iterable[Box]) -> list[str]:
    at = {box.name: box for box in boxes}
    found = []
    for name, box in at.items():
        for source in arrows[name]:
            if source in at:
                x, y = at[source].x + at[source].width, at[source].y + HEIGHT // 2
                to_y, bend = box.y + HEIGHT // 2, GAP_X // 2
                found.append(f"M{x},{y} C{x + bend},{y} {box.x - bend},{to_y} {box.x},{to_y}")
    return found
