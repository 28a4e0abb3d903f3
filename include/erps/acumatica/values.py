"""Acumatica's JSON: every field is wrapped as ``{"value": ...}``, and nothing else in this package knows that.

An empty field comes back as ``{}``. Amounts are JSON numbers; they are read as :class:`~decimal.Decimal` and written from
integer cents, so that no binary float ever stands between.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_UP, Decimal, InvalidOperation
from typing import Any

from include import strict_json
from include.accounting.money import decimal_text

Record = Mapping[str, Any]
"""One record as the server sent it: wrapped fields, bare system fields, nested records."""

_MOST_DIGITS = 18

NEW = "<NEW>"
"""What stands in a number field that has no number yet."""


class Unreadable(Exception):
    """An answer does not have the shape it must have."""


@dataclass(frozen=True)
class Money:
    """Signed cents, written as a JSON number with two decimals."""

    cents: int

    def __str__(self) -> str:
        return decimal_text(self.cents)


Plain = str | int | bool | Money | None


def wrapped(fields: Mapping[str, Plain | Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """The record to send: plain values wrapped; sequences are detail lines and stay as they are."""
    return {
        name: {"value": value} if isinstance(value, str | int | bool | Money) or value is None else list(value)
        for name, value in fields.items()
    }


def written(value: Any) -> str:
    """``value`` as JSON text; :class:`Money` becomes an exact number."""
    if isinstance(value, Money):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(name))}:{written(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(written(part) for part in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def read(body: bytes) -> Any:
    """The JSON of an answer, numbers as ``int`` and ``Decimal``.

    :raises Unreadable: it is no JSON.
    """
    try:
        return strict_json.read(body)
    except strict_json.NotJson:
        raise Unreadable("it is not JSON") from None


def record_of(answer: Any) -> Record:
    """:raises Unreadable: the answer is no object."""
    if not isinstance(answer, dict):
        raise Unreadable("it is not a record")
    return answer


def records_of(answer: Any) -> list[Record]:
    """:raises Unreadable: the answer is no array of objects."""
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise Unreadable("it is not a list of records")
    return answer


def value_of(record: Record, name: str) -> Any:
    """The plain value of a field; ``None`` for one that is absent, empty (``{}``) or null."""
    field = record.get(name)
    return field.get("value") if isinstance(field, Mapping) else None


def text_of(record: Record, name: str) -> str:
    """The field as text without the padding that keys may carry; empty for no value."""
    value = value_of(record, name)
    return "" if value is None else str(value).strip()


def truth_of(record: Record, name: str) -> bool | None:
    """A yes/no field; ``None`` when the answer does not tell."""
    value = value_of(record, name)
    return value if isinstance(value, bool) else None


def cents_of(record: Record, name: str) -> int | None:
    """An amount in cents; ``None`` for no value. A fraction of a cent is rounded up, so that it shows as a difference.

    :raises Unreadable: the value is no number.
    """
    value = value_of(record, name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise Unreadable(f"{name} is no amount")
    try:
        amount = Decimal(value)
    except (InvalidOperation, ValueError):
        raise Unreadable(f"{name} is no amount") from None
    # In that order: of what is not finite nothing else may be asked.
    if not amount.is_finite() or abs(amount.adjusted()) > _MOST_DIGITS:
        raise Unreadable(f"{name} is no amount")
    return int((amount * 100).to_integral_value(rounding=ROUND_UP))


def day_of(record: Record, name: str) -> date | None:
    """A date field's day. It is a day, not an instant: a time zone in it is not applied.

    :raises Unreadable: the value is no date.
    """
    value = text_of(record, name)
    if not value:
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        raise Unreadable(f"{name} is no date") from None


def linked(record: Record, name: str) -> Record:
    """A linked record; empty when it was not expanded or is absent."""
    part = record.get(name)
    return part if isinstance(part, Mapping) else {}


def lines_of(record: Record, name: str = "Details") -> list[Record]:
    """Detail lines.

    :raises Unreadable: the field is absent or holds no list: it was not expanded.
    """
    if not isinstance(record.get(name), list):
        raise Unreadable(f"it has no {name}")
    return records_of(record[name])


def complaints(answer: Any, kind: str = "error") -> list[str]:
    """Every ``error`` (or ``warning``) anywhere in a record, with the field it sits on; the specific ones first.

    The one on the record itself is generic; the reason sits on a field, often on a line.
    """
    found = list(dict.fromkeys(_complaints(answer, "", kind)))
    found.sort(key=lambda item: item[0] == "")
    return [f"{place}: {text}" if place else text for place, text in found]


def _complaints(part: Any, place: str, kind: str) -> Iterator[tuple[str, str]]:
    if isinstance(part, Mapping):
        said = part.get(kind)
        if isinstance(said, str) and said.strip():
            yield place, " ".join(said.split())
        for name, inner in part.items():
            if isinstance(inner, Mapping | list):
                yield from _complaints(inner, f"{place}.{name}" if place else str(name), kind)
    elif isinstance(part, list):
        for number, inner in enumerate(part, start=1):
            yield from _complaints(inner, f"{place} {number}", kind)


def explained(body: bytes) -> str:
    """What an error answer says, for a person: message, exceptions outermost first, and what is wrong in which field.

    Anything that is no JSON (a page of the web server) gives an empty text.
    """
    try:
        answer = read(body)
    except Unreadable:
        return ""
    parts: list[str] = []
    while isinstance(answer, Mapping) and len(parts) < 20:
        parts += [str(answer[name]) for name in ("exceptionMessage", "exceptionType") if answer.get(name)]
        if not parts and answer.get("message"):
            parts.append(str(answer["message"]))
        state = answer.get("modelState")
        if isinstance(state, Mapping):
            parts += [f"{field}: {text}" for field, texts in state.items() for text in _listed(texts)]
        answer = answer.get("innerException")
    return " ".join(" | ".join(dict.fromkeys(parts)).split())[:1000]


def _listed(texts: Any) -> list[str]:
    return [str(text) for text in texts] if isinstance(texts, list) else [str(texts)]
