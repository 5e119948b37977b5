"""Bars as SVG without a script: where each stands, and what is written beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

# in pixels
WIDTH, HEIGHT = 760, 210
LEFT, TOP, BOTTOM = 62, 14, 24  # room for the numbers at the left, above, and for the days below
FILLED = 0.68  # of a bar's place
LINES = 4  # at most, across the picture
MOVE_WIDTH = 60  # of the longest bar


@dataclass(frozen=True)
class Bar:
    """One value."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: float
    is_last: bool


@dataclass(frozen=True)
class Bars:
    """Values in time, the last of which is looked at; `mean` is of those before it."""

    bars: Sequence[Bar]
    lines: Sequence[tuple[float, str]]  # across: how far down, and the number there
    mean: float | None  # how far down
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    floor: int = HEIGHT - BOTTOM


def step(most: float) -> float:
    """Between two lines: 1, 2 or 5 times a power of ten, so that a few lines reach `most`."""
    size = 10.0 ** (len(str(int(max(most, 1)))) - 2)
    return next(size * n for n in (1, 2, 5, 10, 20, 50, 100) if size * n * LINES >= most)


def bars(labels: Sequence[str], values: Sequence[float], mean: float | None) -> Bars:
    """Upright bars from zero; a value below zero (more came back than was sold) has none."""
    most = max([*values, mean or 0, 1])
    between = step(most)
    top = between * -(-most // between)
    high = HEIGHT - TOP - BOTTOM

    def down(value: float) -> float:
        return round(TOP + high * (1 - max(value, 0) / top), 1)

    place = (WIDTH - LEFT) / max(len(values), 1)
    drawn = [
        Bar(
            x=round(LEFT + place * (n + (1 - FILLED) / 2), 1),
            y=down(value),
            width=round(place * FILLED, 1),
            height=round(HEIGHT - BOTTOM - down(value), 1),
            label=label,
            value=value,
            is_last=n == len(values) - 1,
        )
        for n, (label, value) in enumerate(zip(labels, values, strict=True))
    ]
    lines = [(down(n * between), f"{n * between:,.0f}") for n in range(int(top / between) + 1)]
    return Bars(drawn, lines, None if mean is None else down(mean))


def move(change: float, most: float) -> float:
    """How long the bar of a change is, either way; `most` is the longest one's change."""
    return round(MOVE_WIDTH * min(abs(change) / most, 1), 1) if most else 0.0
