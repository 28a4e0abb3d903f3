"""Reading single values of an export: typed where they can be, a named defect where they cannot, never an exception.

Expensify's fields have no reliable type: a number may come as text, a text as a number, and unset may be missing, null,
"" or 0. So each reader here returns ``None`` for what is not there, and for what is there but unreadable ``None`` plus a
:class:`Defect` in the given list, which later holds the report instead of guessing.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

import msgspec

DefectKind = Literal[
    "not_a_number", "not_whole_cents", "not_a_date", "not_a_flag", "not_a_text", "unknown", "duplicate"
]
Status = Literal["OPEN", "SUBMITTED", "APPROVED", "REIMBURSED", "ARCHIVED"]

MAX_CENTS = 10**15
"""Larger amounts are a mistake of the source, and would not fit the ledger's columns."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?")
_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?\s*(Z|UTC|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")
# The words of Expensify's pages and those of its API for the same five states.
STATUSES: dict[str, Status] = {
    "open": "OPEN",
    "submitted": "SUBMITTED",
    "processing": "SUBMITTED",
    "approved": "APPROVED",
    "reimbursed": "REIMBURSED",
    "archived": "ARCHIVED",
    "closed": "ARCHIVED",
}
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_LONGEST_QUOTE = 40


class Defect(msgspec.Struct, frozen=True):
    """A value that is there and cannot be used.

    ``field`` is Expensify's name of the field, ``value`` the value as read (at most 40 characters).
    """

    field: str
    kind: DefectKind
    value: str

    def __str__(self) -> str:
        words = {
            "not_a_number": "is not a number",
            "not_whole_cents": "is not a whole number of cents",
            "not_a_date": "is not a date (yyyy-MM-dd)",
            "not_a_flag": "is neither true nor false",
            "not_a_text": "is not a text",
            "unknown": "is not a known value",
            "duplicate": "occurs twice in this report",
        }
        return f"{self.field} {self.value!r} {words[self.kind]}"


class Moment(msgspec.Struct, frozen=True):
    """A date of Expensify: ``day``, and ``at`` (aware, UTC) when a time was given. Times carry no zone and are UTC."""

    day: date
    at: datetime | None = None


def _defect(defects: list[Defect], field: str, kind: DefectKind, value: object) -> None:
    defects.append(Defect(field, kind, str(value)[:_LONGEST_QUOTE].replace("\x00", "\ufffd")))


def text(record: dict[str, Any], field: str, defects: list[Defect]) -> str | None:
    """The text as it is, not stripped; ``None`` for missing, null and "". A number or flag becomes its text.

    A NUL, which no PostgreSQL text can hold, becomes a replacement character: what it stood in is no longer mapped by chance.
    """
    value = record.get(field)
    if value is None or value == "":
        return None
    if type(value) is str:
        return value.replace("\x00", "\ufffd")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    _defect(defects, field, "not_a_text", type(value).__name__)
    return None


def number(record: dict[str, Any], field: str, defects: list[Defect]) -> Decimal | None:
    """A number, also from text (``"1.25"``, blanks around it); no grouping signs, no exponent."""
    value = record.get(field)
    if value is None or value == "":
        return None
    if isinstance(value, Decimal) and value.is_finite():
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str):
        stripped = value.strip()
        if not stripped:
            return None
        if _NUMBER.fullmatch(stripped):
            return Decimal(stripped)
    _defect(defects, field, "not_a_number", value)
    return None


def cents(record: dict[str, Any], field: str, defects: list[Defect]) -> int | None:
    """An amount in whole cents. ``None`` is unset; 0 stays 0, because only some fields mean "unset" by it."""
    value = record.get(field)
    if type(value) is int and -MAX_CENTS < value < MAX_CENTS:
        return value
    read = number(record, field, defects)
    if read is None:
        return None
    if abs(read) >= MAX_CENTS:
        _defect(defects, field, "not_a_number", value)
        return None
    whole = int(read)
    if whole != read:
        _defect(defects, field, "not_whole_cents", value)
        return None
    return whole


def flag(record: dict[str, Any], field: str, defects: list[Defect]) -> bool | None:
    """true or false, also as text or 1 and 0."""
    value = record.get(field)
    if value is None or value == "" or isinstance(value, bool):
        return value if isinstance(value, bool) else None
    if isinstance(value, str | int):
        word = str(value).strip().lower()
        if not word:
            return None
        if word in _FLAGS:
            return _FLAGS[word]
    _defect(defects, field, "not_a_flag", value)
    return None


def moment(record: dict[str, Any], field: str, defects: list[Defect]) -> Moment | None:
    """``yyyy-MM-dd``, optionally with a time after a blank or ``T``, fractions, and ``Z`` or an offset (turned into UTC).

    A date of zeros (``0000-00-00``) is how some systems write "none", and is read as unset.
    """
    value = record.get(field)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        stripped = value.strip()
        if not stripped or stripped.startswith("0000-00-00"):
            return None
        read = _moment(stripped)
        if read is not None:
            return read
    _defect(defects, field, "not_a_date", value)
    return None


@lru_cache(maxsize=4096)
def _day(written: str) -> date | None:
    if _DAY.fullmatch(written) is None:
        return None
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


def plain_day(written: str) -> date | None:
    """The day of a moment in the usual form, ``yyyy-MM-dd`` or ``yyyy-MM-dd HH:mm:ss``; ``None`` for any other text."""
    if len(written) == 10:
        return _day(written)
    return _day(written[:10]) if _TIME.fullmatch(written, 10) is not None else None


def plain_moment(written: str | None) -> Moment | None:
    """The moment of a text for which :func:`plain_day` knows a day; ``None`` for an unset one."""
    return _moment(written) if written else None


@lru_cache(maxsize=4096)
def _moment(written: str) -> Moment | None:
    if len(written) == 19 and plain_day(written) is not None:
        at = datetime.fromisoformat(written).replace(tzinfo=UTC)
        return Moment(at.date(), at)
    match = _MOMENT.fullmatch(written)
    if match is None:
        return None
    try:
        return _from_parts(*match.groups())
    except (ValueError, OverflowError):
        return None


def _from_parts(
    year: str,
    month: str,
    day_number: str,
    hour: str | None,
    minute: str,
    second: str | None,
    fraction: str | None,
    zone: str | None,
) -> Moment:
    day = date(int(year), int(month), int(day_number))
    if hour is None:
        return Moment(day)
    micros = int((fraction or "0").ljust(6, "0")[:6])
    at = datetime(day.year, day.month, day.day, int(hour), int(minute), int(second or 0), micros, tzinfo=UTC)
    if zone and zone[0] in "+-":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        at = at.replace(tzinfo=timezone(offset if zone[0] == "+" else -offset)).astimezone(UTC)
    return Moment(at.date(), at)


def status(record: dict[str, Any], field: str, defects: list[Defect]) -> Status | None:
    """One of the five states, from the words of the pages (Processing, Closed) or of the API, in any case."""
    word = text(record, field, defects)
    if word is None or not word.strip():
        return None
    known = STATUSES.get(word.strip().lower())
    if known is None:
        _defect(defects, field, "unknown", word)
    return known
