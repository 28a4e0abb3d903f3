"""Addresses of the OData service, correct by construction.

A blank is ``%20`` and never ``+``: the server only percent-decodes. A quote inside a text is doubled, then encoded. Numbers and
dates stand bare. No form encoder is used anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from urllib.parse import quote

Value = str | int | date

# What OData reads as syntax in a query option; everything else is encoded.
_FILTER_SYNTAX = "'(),:"


def literal(value: Value) -> str:
    """A value as OData writes it, not yet encoded: ``'O''HARE'``, ``2026``, ``2026-11-30``."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return value.isoformat() if isinstance(value, date) else str(value)


def key(parts: Mapping[str, Value]) -> str:
    """A key predicate with all parts named, encoded for a path: ``(Company='10',VoucherNo=7)``."""
    written = (f"{name}={_in_path(value)}" for name, value in parts.items())
    return f"({','.join(written)})"


def _in_path(value: Value) -> str:
    if isinstance(value, str):
        return "'" + quote(value.replace("'", "''"), safe="") + "'"
    return literal(value)


def path(base_path: str, projection: str, *segments: str) -> str:
    """``{base_path}/{Projection}.svc/...``; segments are written by the caller, keys by :func:`key`."""
    return "/".join((f"{base_path}/{projection}.svc", *segments))


def query(options: Mapping[str, str]) -> str:
    """System query options with their ``$`` kept: ``$filter=Company%20eq%20'10'&$top=5``."""
    return "&".join(f"${name}={quote(value, safe=_FILTER_SYNTAX)}" for name, value in options.items())


def equal(name: str, value: Value) -> str:
    """``Name eq value``."""
    return f"{name} eq {literal(value)}"


def one_of(name: str, values: Iterable[str]) -> str:
    """``Name in ('a','b')``."""
    return f"{name} in ({','.join(literal(value) for value in values)})"


def both(*conditions: str) -> str:
    """Conditions joined by ``and``."""
    return " and ".join(conditions)


def chunks(values: Sequence[str], most: int, most_chars: int) -> list[list[str]]:
    """``values`` in lists of at most ``most``, whose encoded literals take at most ``most_chars`` (one value always fits)."""
    found: list[list[str]] = []
    size = 0
    for value in values:
        length = len(quote(literal(value), safe=_FILTER_SYNTAX)) + 1
        if not found or len(found[-1]) >= most or size + length > most_chars:
            found.append([])
            size = 0
        found[-1].append(value)
        size += length
    return found
