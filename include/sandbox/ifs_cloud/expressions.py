"""The OData expressions that the service understands, read strictly: `$filter`, key predicates, literals.

A plus is a plus (nothing but percent-encoding is decoded), a quoted date is a text and not a date, enumerations need their
qualified form, and some properties cannot be filtered at all.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from include.sandbox.ifs_cloud.errors import malformed, unknown_property

__all__ = ["Kind", "Row", "Schema", "key_values", "predicate"]

Kind = Literal["string", "decimal", "date", "timestamp", "boolean", "enumeration", "state"]
Schema = Mapping[str, Kind]
Row = Mapping[str, Any]
Test = Callable[[Row], bool]

_TOKEN = re.compile(
    r"(?P<blank> +)"
    r"|(?P<enumeration>[A-Za-z_][\w.]*'[^']*')"
    r"|(?P<string>'(?:[^']|'')*')"
    r"|(?P<timestamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)"
    r"|(?P<date>\d{4}-\d\d-\d\d)"
    r"|(?P<decimal>-?\d+(?:\.\d+)?)"
    r"|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<sign>[(),=])",
    re.ASCII,
)
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_FUNCTIONS: Mapping[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
}


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise malformed(f"Unexpected character at {at}: {text[at : at + 20]!r}")
        if match.lastgroup != "blank":
            found.append((str(match.lastgroup), match[0]))
        at = match.end()
    return found


def _literal(kind: str, text: str) -> Any:
    try:
        match kind:
            case "string":
                return text[1:-1].replace("''", "'")
            case "decimal":
                return Decimal(text)
            case "date":
                return date.fromisoformat(text)
            case "timestamp":
                return datetime.fromisoformat(text)
            case "enumeration":
                return text[text.index("'") + 1 : -1]
            case "word" if text in ("true", "false", "null"):
                return {"true": True, "false": False, "null": None}[text]
    except ValueError:
        pass
    raise malformed(f"{text!r} is no literal.")


def key_values(text: str) -> dict[str, Any]:
    """The parts of a decoded key or parameter list, without its brackets: `Company='10',VoucherNo=7`."""
    tokens = _tokens(text)
    found: dict[str, Any] = {}
    while tokens:
        if len(tokens) < 3 or tokens[0][0] != "word" or tokens[1][1] != "=":
            raise malformed("A key needs all its parts by name.")
        name = tokens[0][1]
        found[name] = _literal(*tokens[2])
        tokens = tokens[3:]
        if tokens and tokens[0][1] != ",":
            raise malformed("A key's parts are separated by commas.")
        tokens = tokens[1:]
    return found


def predicate(text: str, schema: Schema, entity_set: str) -> Test:
    """The test that a decoded `$filter` stands for."""
    parser = _Parser(_tokens(text), schema, entity_set)
    test = parser.either()
    if parser.tokens:
        raise malformed(f"Unexpected {parser.tokens[0][1]!r}.")
    return test


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], schema: Schema, entity_set: str) -> None:
        self.tokens = tokens
        self.schema = schema
        self.entity_set = entity_set

    def either(self) -> Test:
        tests = [self.both()]
        while self._skip("or"):
            tests.append(self.both())
        return lambda row: any(test(row) for test in tests)

    def both(self) -> Test:
        tests = [self.single()]
        while self._skip("and"):
            tests.append(self.single())
        return lambda row: all(test(row) for test in tests)

    def single(self) -> Test:
        if self._skip("not"):
            test = self.single()
            return lambda row: not test(row)
        if self._skip("("):
            test = self.either()
            self._need(")")
            return test
        kind, word = self._next()
        if kind != "word":
            raise malformed(f"Unexpected {word!r}.")
        if word in _FUNCTIONS:
            return self._call(word)
        return self._comparison(word)

    def _call(self, function: str) -> Test:
        self._need("(")
        name = self._next()[1]
        self._property(name)
        self._need(",")
        part = self._value(name)
        self._need(")")
        compare = _FUNCTIONS[function]
        return lambda row: row[name] is not None and compare(row[name], part)

    def _comparison(self, name: str) -> Test:
        self._property(name)
        word = self._next()[1]
        if word == "in":
            self._need("(")
            values = [self._value(name)]
            while self._skip(","):
                values.append(self._value(name))
            self._need(")")
            return lambda row: row[name] in values
        compare = _COMPARISONS.get(word)
        if compare is None:
            raise malformed(f"Unexpected {word!r}.")
        value = self._value(name)
        if word in ("eq", "ne"):
            return lambda row: compare(row[name], value)
        return lambda row: row[name] is not None and compare(row[name], value)

    def _property(self, name: str) -> None:
        kind = self.schema.get(name)
        if kind is None:
            raise unknown_property(name, self.entity_set)
        if kind == "state":
            raise malformed(f"{name} cannot be filtered.")

    def _value(self, name: str) -> Any:
        kind, text = self._next()
        value = _literal(kind, text)
        wanted = self.schema[name]
        actual = "boolean" if isinstance(value, bool) else kind
        if value is not None and actual != wanted:
            raise malformed(f"{name} is {wanted}, {text} is not.")
        return value

    def _next(self) -> tuple[str, str]:
        if not self.tokens:
            raise malformed("The expression ends too early.")
        return self.tokens.pop(0)

    def _skip(self, text: str) -> bool:
        if self.tokens and self.tokens[0][1] == text:
            self.tokens.pop(0)
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._skip(text):
            raise malformed(f"{text!r} expected.")
