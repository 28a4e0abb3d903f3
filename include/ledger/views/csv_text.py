"""Rows as CSV text that a spreadsheet reads as nothing but values."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

from include.accounting.money import decimal_text

# A cell that begins so is a formula to a spreadsheet; some trim what stands before it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")


def harmless(text: str) -> str:
    """``text`` with an apostrophe in front if a spreadsheet would run it."""
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_FORMULA) else text


def cents(amount: int | None) -> Money | None:
    """An amount for a cell."""
    return None if amount is None else Money(decimal_text(amount))


class Money(str):
    """Decimal text of ours: a leading minus is a sign and no formula."""


def cell(value: object) -> str:
    """A value as the text of its cell."""
    if value is None:
        return ""
    if isinstance(value, Money):
        return str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return harmless(str(value).replace("\x00", ""))


def csv_text(header: Sequence[str], batches: Iterable[Iterable[Sequence[object]]]) -> Iterator[str]:
    """The header and then each batch of rows, as pieces of one CSV text (RFC 4180)."""
    yield _piece([header])
    for rows in batches:
        piece = _piece(rows)
        if piece:
            yield piece


def _piece(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()
