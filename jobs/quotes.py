"""Where the quotes of a delimited text open and close, and which of its values run over lines.

A quote that opens a value is the first sign of its field, and the one that closes it the last; a
quote within is doubled (https://www.rfc-editor.org/rfc/rfc4180). In a field without quotes around
it one is a sign like any other: 12" PIZZA.
"""

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

LINE_END = re.compile(rb"\r\n|\n|\r")
ROW_BYTES = 1 << 27  # the longest row that is read
BLOCK_BYTES = 1 << 19  # what is looked at in one go; more where a row is longer


class Value(NamedTuple):
    """A value in quotes. Places are of bytes in the text; `start` and `end` are its quotes'."""

    number: int  # of its row among all rows, the first is 1
    row: int  # where its row begins
    start: int
    end: int


@dataclass
class Quotes:
    """What the quotes of a text do."""

    suspect: list[Value] = field(default_factory=list)  # of many lines, and perhaps of many rows
    torn: list[Value] = field(default_factory=list)  # more text follows the closing quote
    unclosed: int | None = None  # place of the quote
    rows: int = 0
    longest: tuple[int, int] = (0, 0)  # bytes of the longest row, or more, and where it begins


def find(text: bytes, delimiter: str, quote: str, enough: int) -> Quotes:
    """Look at each quote of a text that begins with a row.

    Args:
        enough: how many delimiters make a value of many lines suspect.
    """
    found, place, size = Quotes(), 0, BLOCK_BYTES
    signs = np.frombuffer(text, np.uint8)
    while place < len(text):
        block = _Block(signs[place : place + size], ord(delimiter), ord(quote), enough)
        if place + size >= len(text):
            _add(found, block, place, len(block.signs))
            if block.unclosed is not None:
                found.unclosed = place + block.unclosed
            break
        if block.row_ends.size:
            # the row that the block's end cuts off is looked at with the next block
            whole = int(block.row_ends[-1]) + 1
            _add(found, block, place, whole)
            place, size = place + whole, BLOCK_BYTES
        elif size <= ROW_BYTES:
            size *= 2
        else:
            # a quote at the head of a huge file that is never closed must not fill the memory
            found.longest = (size, place)
            if block.unclosed is not None:
                found.unclosed = place + block.unclosed
            break
    return found


def _add(found: Quotes, block: "_Block", place: int, length: int) -> None:
    """Add what a block's first `length` bytes hold."""
    rows = np.concatenate(([0], block.row_ends + 1))
    rows = rows[rows < length]
    sizes = np.diff(rows, append=length)
    longest = int(np.argmax(sizes))
    found.longest = max(found.longest, (int(sizes[longest]), place + int(rows[longest])))
    is_row = ~block.is_line_end[rows]  # else a blank line

    def values(which: Any) -> list[Value]:
        if not len(which):
            return []
        numbers = found.rows + np.cumsum(is_row)
        starts, ends = block.starts[which], block.ends[which]
        starts, ends = starts[ends < length], ends[ends < length]
        row = np.searchsorted(rows, starts, side="right") - 1
        told = (numbers[row], rows[row] + place, starts + place, ends + place)
        return [Value(*each) for each in zip(*(one.tolist() for one in told), strict=True)]

    found.suspect += values(block.suspect)
    found.torn += values(block.torn)
    found.rows += int(np.count_nonzero(is_row))


class _Block:
    """Some rows, the last may be cut off. Places are within the block."""

    def __init__(self, signs: Any, delimiter: int, quote: int, enough: int) -> None:
        self.signs = signs
        self.is_line_end = (signs == ord("\n")) | (signs == ord("\r"))
        # shifted by one: both ends of a text are ends of a field too
        is_edge = np.ones(len(signs) + 2, bool)
        np.logical_or(self.is_line_end, signs == delimiter, out=is_edge[1:-1])
        places = np.flatnonzero(signs == quote)
        kept, torn = _pairs(places, is_edge)
        opens, closes = kept[::2], kept[1::2]
        # a doubled quote closes its value and opens it again
        is_other = opens[1:] != closes[: max(len(opens) - 1, 0)] + 1
        self.starts = opens[np.append(True, is_other)[: len(opens)]]
        self.ends = closes[np.append(is_other, True)[: len(closes)]]
        self.unclosed = int(self.starts[-1]) if len(opens) > len(closes) else None
        line_ends = np.flatnonzero(self.is_line_end)
        is_inner = np.searchsorted(kept, line_ends) % 2 == 1
        self.row_ends = line_ends[~is_inner]
        self.suspect = self._suspect(line_ends[is_inner], delimiter, enough)
        self.torn = np.searchsorted(self.ends, torn)

    def _suspect(self, inner_ends: Any, delimiter: int, enough: int) -> Any:
        if not inner_ends.size:
            return inner_ends
        values = np.unique(np.searchsorted(self.starts, inner_ends) - 1)
        values = values[values < len(self.ends)]
        delimiters = np.flatnonzero(self.signs == delimiter)
        first, last = (np.searchsorted(delimiters, at[values]) for at in (self.starts, self.ends))
        rows = np.append(0, self.row_ends + 1)[np.searchsorted(self.row_ends, self.starts[values])]
        # of several values in a row, those above may be fields of other rows as well
        is_second = (values > 0) & (self.starts[values - 1] >= rows)
        return values[(last - first >= enough) | is_second]


def _pairs(places: Any, is_edge: Any) -> tuple[Any, Any]:
    """Places of quotes that open and close, in turn; and of those that close amid text.

    One look at all quotes does where each stands as it should. Else there is one more after each
    that does not: it exchanges what opens and what closes.
    """
    begins, ends, is_next = is_edge[places], is_edge[places + 2], np.diff(places) == 1
    opens, closes = begins.copy(), ends
    opens[1:] |= is_next
    closes[:-1] |= is_next
    if begins[:1].all() and opens[::2].all() and closes[1::2].all():
        return places, places[:0]
    # faults where the first quote that opens has an even number, and where it has an odd one
    is_odd = np.arange(len(places)) % 2 == 1
    faults = [np.flatnonzero(~np.where(is_odd == odd, opens, closes)) for odd in (False, True)]
    firsts = np.flatnonzero(begins)
    is_kept = np.zeros(len(places), bool)
    torn: list[int] = []
    at = 0
    while (next_first := int(np.searchsorted(firsts, at))) < len(firsts):
        first = int(firsts[next_first])
        wrong = faults[first % 2]
        next_wrong = int(np.searchsorted(wrong, first))
        at = int(wrong[next_wrong]) if next_wrong < len(wrong) else len(places)
        if at < len(places) and (at - first) % 2:
            torn.append(at)
            at += 1
        is_kept[first:at] = True
    return places[is_kept], places[torn]
