"""Reading what IFS answers: decimals without a binary float, error bodies, entity tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from include import strict_json
from include.accounting.money import cents_from_text
from include.transport import Answer

JsonObject = Mapping[str, Any]

_MOST_DIGITS = 30
# The scale of Edm.Decimal as the service declares it.
_MOST_DECIMALS = 65


class Unreadable(Exception):
    """The answer is not what was asked for: not JSON, another shape, a value of the wrong form."""


@dataclass(frozen=True)
class Fault:
    """An error body. ``code`` and ``token`` (``Lu.TOKEN``) may be empty; ``text`` is IFS's own words."""

    code: str = ""
    text: str = ""
    oracle: str = ""
    token: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip()


def json_of(answer: Answer) -> Any:
    """The body as JSON; decimals become :class:`~decimal.Decimal`.

    :raises Unreadable: it is no JSON.
    """
    try:
        return strict_json.read(answer.body)
    except strict_json.NotJson:
        raise Unreadable("the answer is not JSON") from None


def object_of(answer: Answer) -> JsonObject:
    """The body as a JSON object.

    :raises Unreadable: it is none.
    """
    value = json_of(answer)
    if not isinstance(value, dict):
        raise Unreadable("the answer is not a JSON object")
    return value


def fault_of(answer: Answer) -> Fault | None:
    """The OData error in a body; ``None`` when there is none (a proxy's page, an empty body)."""
    try:
        error = object_of(answer).get("error")
    except Unreadable:
        return None
    if not isinstance(error, dict):
        return None
    details = error.get("details")
    first = details[0] if isinstance(details, list) and details and isinstance(details[0], dict) else {}
    code, text = str(error.get("code") or ""), str(error.get("message") or "")
    said = str(first.get("message") or "")
    token, colon, _ = said.partition(":")
    has_token = bool(colon) and "." in token and " " not in token
    nested = str(first.get("code") or "")
    return Fault(
        code=code,
        text=" ".join(part for part in (text, nested, said) if part)[:1000],
        # A live server was seen to put its code into the details and leave the top level without one.
        oracle=nested,
        token=token if has_token else "",
    )


def etag_of(answer: Answer, body: JsonObject) -> str | None:
    """The entity's tag, byte for byte: the body's, else the header's."""
    tag = body.get("@odata.etag") or answer.headers.get("ETag")
    return str(tag) if tag else None


def text(row: JsonObject, name: str) -> str:
    """A text that must be there.

    :raises Unreadable: it is missing or no text.
    """
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"{name} is missing")
    return value


def whole(row: JsonObject, name: str) -> int:
    """A whole number, as a number or, with IEEE754Compatible, as a text.

    :raises Unreadable: it is none.
    """
    number = _decimal(row.get(name), name)
    if number != number.to_integral_value():
        raise Unreadable(f"{name} is not a whole number")
    return int(number)


def cents(row: JsonObject, name: str) -> int:
    """An amount in hundredths; absent or null is 0.

    :raises Unreadable: it is no amount, or has a fraction of a cent.
    """
    if row.get(name) is None:
        return 0
    try:
        return cents_from_text(f"{_decimal(row[name], name):f}")
    except ValueError:
        raise Unreadable(f"{name} has a fraction of a cent") from None


def _decimal(value: object, name: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Unreadable(f"{name} is not a number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise Unreadable(f"{name} is not a number") from None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or number.adjusted() > _MOST_DIGITS or exponent < -_MOST_DECIMALS:
        raise Unreadable(f"{name} is not a number of a sensible size")
    return number


def day(row: JsonObject, name: str) -> date | None:
    """A date; absent or null is ``None``.

    :raises Unreadable: it is no date.
    """
    value = row.get(name)
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise Unreadable(f"{name} is not a date") from None
