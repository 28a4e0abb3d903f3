"""The part of OData that `$filter` understands: comparisons, `and`, `or`, brackets, three functions."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

from include.sandbox.acumatica.answers import Fail, failure
from include.sandbox.acumatica.books import Plain, Row
from include.sandbox.acumatica.schema import Kind, Schema

__all__ = ["matcher"]

_TOKEN = re.compile(
    r"\s*(?:(?P<typed>datetimeoffset|date|guid)'(?P<inner>[^']*)'|(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_/]*)|(?P<sign>[(),]))"
)
_COMPARE: dict[str, Callable[[int], bool]] = {
    "eq": lambda order: order == 0,
    "ne": lambda order: order != 0,
    "gt": lambda order: order > 0,
    "ge": lambda order: order >= 0,
    "lt": lambda order: order < 0,
    "le": lambda order: order <= 0,
}
_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "substringof": lambda field, text: text in field,
    "startswith": lambda field, text: field.startswith(text),
    "endswith": lambda field, text: field.endswith(text),
}
Test = Callable[[Row], bool]
_Token = tuple[str, str]


def matcher(text: str, schema: Schema) -> Test:
    """A test for rows; raises 400 for bad syntax or names, 500 for a literal of the wrong type."""
    parser = _Parser(_tokens(text), schema)
    test = parser.either()
    if parser.left:
        raise _bad(f"unexpected {parser.left[0][1]}")
    return test


def _bad(why: str) -> Fail:
    return Fail(400, {"message": f"The query specified in the URI is not valid. {why}"})


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _bad(f"Syntax error at position {at}.")
        kind = match.lastgroup or ""
        if kind == "inner":
            found.append((match["typed"], match["inner"]))
        else:
            found.append((kind, match[kind]))
        at = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[_Token], schema: Schema) -> None:
        self.left = tokens
        self.schema = schema

    def either(self) -> Test:
        tests = [self.both()]
        while self._word("or"):
            tests.append(self.both())
        return lambda row: any(test(row) for test in tests)

    def both(self) -> Test:
        tests = [self.single()]
        while self._word("and"):
            tests.append(self.single())
        return lambda row: all(test(row) for test in tests)

    def single(self) -> Test:
        if self._sign("("):
            test = self.either()
            self._need(")")
            return test
        kind, name = self._next()
        if kind != "word":
            raise _bad(f"unexpected {name}")
        return self._function(name) if name in _FUNCTIONS else self._comparison(name)

    def _function(self, name: str) -> Test:
        self._need("(")
        first = self._next()
        self._need(",")
        second = self._next()
        self._need(")")
        field, text = (second, first) if name == "substringof" else (first, second)
        if field[0] != "word" or text[0] != "text":
            raise _bad(f"{name} takes a field and a text")
        read, kind = self._field(field[1])
        if kind != "text":
            raise failure(f"{field[1]}: incompatible types")
        wanted, run = _plain(text[1]).lower(), _FUNCTIONS[name]
        return lambda row: run(str(read(row) or "").lower(), wanted)

    def _comparison(self, name: str) -> Test:
        read, kind = self._field(name)
        operator = self._next()
        if operator[0] != "word" or operator[1] not in _COMPARE:
            raise _bad(f"unknown operator {operator[1]}")
        literal = _literal(self._next(), kind, name)
        compare = _COMPARE[operator[1]]
        return lambda row: _compares(read(row), literal, compare, operator[1])

    def _field(self, name: str) -> tuple[Callable[[Row], Plain], Kind]:
        outer, _, inner = name.partition("/")
        if not inner:
            if outer not in self.schema.fields:
                raise _bad(f"Could not find a property named '{name}'.")
            return lambda row: row.fields.get(outer), self.schema.fields[outer]
        # Details cannot be filtered; only linked records can.
        if outer not in self.schema.linked or inner not in self.schema.linked[outer].fields:
            raise _bad(f"Could not find a property named '{name}'.")
        return (
            lambda row: row.linked[outer].fields.get(inner) if outer in row.linked else None,
            self.schema.linked[outer].fields[inner],
        )

    def _next(self) -> _Token:
        if not self.left:
            raise _bad("unexpected end")
        return self.left.pop(0)

    def _word(self, word: str) -> bool:
        if self.left and self.left[0] == ("word", word):
            self.left.pop(0)
            return True
        return False

    def _sign(self, sign: str) -> bool:
        if self.left and self.left[0] == ("sign", sign):
            self.left.pop(0)
            return True
        return False

    def _need(self, sign: str) -> None:
        if not self._sign(sign):
            raise _bad(f"{sign} is missing")


def _plain(text: str) -> str:
    return text[1:-1].replace("''", "'")


def _literal(token: _Token, kind: Kind, name: str) -> Plain:
    given, text = token
    try:
        if given == "text" and kind == "text":
            return _plain(text)
        if given == "number" and kind in ("number", "whole"):
            return Decimal(text)
        if given == "word" and text in ("true", "false") and kind == "yesno":
            return text == "true"
        if given == "datetimeoffset" and kind in ("moment", "date"):
            moment = datetime.fromisoformat(text)
            return moment if kind == "moment" else moment.date()
        if given == "date" and kind == "date":
            return date.fromisoformat(text)
    except ValueError:
        raise _bad(f"{text} is no literal") from None
    if given == "word":
        raise _bad(f"unexpected {text}")
    raise failure(f"{name}: incompatible types", "System.InvalidOperationException")


def _compares(value: Plain, literal: Plain, compare: Callable[[int], bool], operator: str) -> bool:
    if value is None:
        return operator == "ne"
    if isinstance(value, str) and isinstance(literal, str):
        # Keys are padded, and case does not matter.
        left, right = value.rstrip().lower(), literal.rstrip().lower()
        return compare((left > right) - (left < right))
    return compare((value > literal) - (value < literal))  # type: ignore[operator]
