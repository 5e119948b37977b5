"""The part of SOQL that the double understands, as SQL.

https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select.htm
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from infra.sandbox.salesforce.errors import ApiError, no_such_field
from infra.sandbox.salesforce.schema import OBJECTS, Column, Rights, SObject
from infra.sandbox.salesforce.values import instant

TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*')
    |(?P<time>\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d))?)
    |(?P<number>-?\d+(?:\.\d+)?)
    |(?P<name>[A-Za-z_][\w.]*)
    |(?P<sign><=|>=|!=|<>|[=<>(),]))""",
    re.VERBOSE,
)
ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
# null counts as unlike any value, and as like null
COMPARED = {"=": "is", "!=": "is not", "<>": "is not", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass
class Query:
    """A query, its names looked up."""

    sobject: SObject
    columns: list[Column]  # empty: it asks for the number of records only
    where: str = "1"
    values: list[Any] = field(default_factory=list)
    rest: str = ""  # order and limit


def parse(text: str, rights: Rights) -> Query:
    """Understand a query as the user with these rights may ask it.

    Raises:
        ApiError: it is none, or asks for what is not there.
    """
    return _Parser(text, rights).query()


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text.rstrip()):
        found = TOKEN.match(text, at)
        if not found or not found.lastgroup:
            raise _malformed(f"unexpected token at column {at + 1}")
        yield found.lastgroup, found[found.lastgroup]
        at = found.end()


def _malformed(why: str) -> ApiError:
    return ApiError(400, "MALFORMED_QUERY", why)


class _Parser:
    def __init__(self, text: str, rights: Rights) -> None:
        self._tokens, self._at, self._rights = [*_tokens(text), ("end", "")], 0, rights
        self._of: SObject

    def query(self) -> Query:
        self._word("select")
        names = self._names()
        self._word("from")
        name = self._take("name")
        found = next((o for o in OBJECTS.values() if o.name.lower() == name.lower()), None)
        if found is None:
            raise ApiError(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")
        self._of = found
        made = Query(found, [self._column(each) for each in names])
        if self._is_word("where"):
            made.where = self._any(made.values)
        if self._is_word("order"):
            self._word("by")
            made.rest = f"order by {self._order()}"
        if self._is_word("limit"):
            made.rest += f" limit {int(self._take('number'))}"
        if self._tokens[self._at][0] != "end":
            raise _malformed(f"unexpected token: {self._tokens[self._at][1]}")
        return made

    def _names(self) -> list[str]:
        """Fields to select; none for `COUNT()`."""
        if self._tokens[self._at][1].lower() == "count":
            self._at += 1
            self._sign("(")
            self._sign(")")
            return []
        names = [self._take("name")]
        while self._is_sign(","):
            names.append(self._take("name"))
        return names

    def _order(self) -> str:
        terms = []
        while True:
            name = self._column(self._take("name")).name
            descending = self._is_word("desc")
            terms.append(f"{name} {'desc' if descending else 'asc'}")
            if not descending:
                self._is_word("asc")
            if not self._is_sign(","):
                return ", ".join(terms)

    def _any(self, values: list[Any]) -> str:
        return self._joined("or", lambda: self._joined("and", lambda: self._term(values)))

    def _joined(self, word: str, part: Callable[[], str]) -> str:
        parts = [part()]
        while self._is_word(word):
            parts.append(part())
        return f"({f' {word} '.join(parts)})"

    def _term(self, values: list[Any]) -> str:
        if self._is_word("not"):
            return f"not {self._term(values)}"
        if self._is_sign("("):
            inner = self._any(values)
            self._sign(")")
            return inner
        column = self._column(self._take("name"))
        is_not = self._is_word("not")
        if is_not or self._tokens[self._at][1].lower() == "in":
            self._word("in")
            return self._among(column, is_not, values)
        sign = self._take("sign")
        if sign not in COMPARED:
            raise _malformed(f"unexpected token: {sign}")
        values.append(self._value(column))
        return f"{column.name} {COMPARED[sign]} ?"

    def _among(self, column: Column, is_not: bool, values: list[Any]) -> str:
        self._sign("(")
        found = [self._value(column)]
        while self._is_sign(","):
            found.append(self._value(column))
        self._sign(")")
        values += found
        return f"{column.name} {'not ' if is_not else ''}in ({', '.join('?' * len(found))})"

    def _value(self, column: Column) -> Any:
        kind, told = self._tokens[self._at]
        self._at += 1
        if kind == "text":
            return re.sub(r"\\(.)", lambda m: ESCAPED.get(m[1], m[1]), told[1:-1])
        if kind == "number":
            return float(told)
        if kind == "time":
            return instant(dt.datetime.fromisoformat(told)) if "T" in told else told
        words = {"true": 1, "false": 0, "null": None}
        if kind != "name" or told.lower() not in words:
            raise _malformed(f"unexpected token: {told}")
        return words[told.lower()]

    def _column(self, name: str) -> Column:
        """A field, whatever the case of its name."""
        for column in self._rights.seen(self._of):
            if column.name.lower() == name.lower():
                return column
        raise no_such_field(name, self._of.name)

    def _take(self, kind: str) -> str:
        found, told = self._tokens[self._at]
        if found != kind:
            raise _malformed(f"unexpected token: {told or 'end of query'}")
        self._at += 1
        return told

    def _is_word(self, word: str) -> bool:
        kind, told = self._tokens[self._at]
        is_it = kind == "name" and told.lower() == word
        self._at += is_it
        return is_it

    def _word(self, word: str) -> None:
        if not self._is_word(word):
            raise _malformed(f"expecting {word}, found {self._tokens[self._at][1]!r}")

    def _is_sign(self, sign: str) -> bool:
        is_it = self._tokens[self._at] == ("sign", sign)
        self._at += is_it
        return is_it

    def _sign(self, sign: str) -> None:
        if not self._is_sign(sign):
            raise _malformed(f"expecting {sign}, found {self._tokens[self._at][1]!r}")
