"""Reads what a PUT sends: wrapped fields of known names and right types, else 400."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from include.sandbox.acumatica.answers import Fail
from include.sandbox.acumatica.books import Plain
from include.sandbox.acumatica.schema import SCHEMAS, Kind, Schema

__all__ = ["Given", "given"]

_TYPES: dict[Kind, str] = {
    "text": "StringValue",
    "number": "DecimalValue",
    "whole": "IntValue",
    "yesno": "BooleanValue",
    "date": "DateTimeValue",
    "moment": "DateTimeValue",
}
_SYSTEM = ("id", "rowNumber", "delete", "custom", "_links", "files")


@dataclass
class Given:
    """The fields of one record as sent. `errors` are put on fields by the validation; `error` on the record."""

    fields: dict[str, Plain]
    id: str | None = None
    delete: bool = False
    details: list[Given] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    error: str = ""

    def text(self, name: str) -> str:
        """A field as text, without padding."""
        value = self.fields.get(name)
        return "" if value is None else str(value).strip()

    def number(self, name: str) -> Decimal | None:
        """A field as a number."""
        value = self.fields.get(name)
        return value if isinstance(value, Decimal) else None

    def complain(self, name: str, text: str) -> None:
        """Put an error on a field; the first one stays."""
        self.errors.setdefault(name, text)

    @property
    def is_bad(self) -> bool:
        """Whether anything here or below has an error."""
        return bool(self.errors or self.error or any(line.is_bad for line in self.details))

    def echo(self) -> dict[str, Any]:
        """The record as it comes back in a 422 answer."""
        shown: dict[str, Any] = {"id": self.id or "00000000-0000-0000-0000-000000000000", "rowNumber": 1}
        if self.error:
            shown["error"] = self.error
        for name in {**self.fields, **self.errors}:
            value = self.fields.get(name)
            shown[name] = {} if value is None else {"value": str(value) if isinstance(value, date) else value}
            if name in self.errors:
                shown[name]["error"] = self.errors[name]
        if self.details:
            shown["Details"] = [line.echo() for line in self.details]
        return shown


def given(entity: str, body: bytes) -> Given:
    """The record in a request's body; raises 400."""
    try:
        parsed = json.loads(body.decode(), parse_float=Decimal, parse_int=Decimal)
    except ValueError:
        raise Fail(400, {"message": "The request is invalid.", "modelState": {"entity": ["Malformed JSON."]}}) from None
    return _record(parsed, SCHEMAS[entity], "entity")


def _record(parsed: object, schema: Schema, place: str) -> Given:
    if not isinstance(parsed, Mapping):
        raise _invalid(place, "An object is expected.")
    found = Given({}, str(parsed["id"]) if parsed.get("id") else None, parsed.get("delete") is True)
    for name, value in parsed.items():
        if name in _SYSTEM:
            continue
        if name == "note":
            _unwrapped(value, "text", f"{place}.note")
        elif name in schema.fields:
            found.fields[name] = _unwrapped(value, schema.fields[name], f"{place}.{name}")
        elif name in schema.details and isinstance(value, list):
            lines = [_record(line, schema.details[name], f"{place}.{name}[{at}]") for at, line in enumerate(value)]
            found.details += lines
        else:
            raise _invalid(f"{place}.{name}", f"Could not find member '{name}' on object of type 'Entity'.")
    return found


def _unwrapped(value: object, kind: Kind, place: str) -> Plain:
    if not isinstance(value, Mapping) or set(value) - {"value", "error"}:
        shown = json.dumps(value, default=str)
        raise _invalid(place, f"Error converting value {shown} to type '{_TYPES[kind]}'.")
    plain = value.get("value")
    if plain is None:
        return None
    match kind:
        case "text" if isinstance(plain, str):
            return plain
        case "yesno" if isinstance(plain, bool):
            return plain
        case "number" if isinstance(plain, Decimal):
            return plain
        case "whole" if isinstance(plain, Decimal) and plain == int(plain):
            return int(plain)
        case "date" | "moment" if isinstance(plain, str) and re.fullmatch(r"\d{4}-\d\d-\d\d(T[\d:.+Z-]*)?", plain):
            try:
                return date.fromisoformat(plain[:10])
            except ValueError:
                pass
    raise _invalid(place, f"Error converting value {json.dumps(plain, default=str)} to type '{_TYPES[kind]}'.")


def _invalid(place: str, text: str) -> Fail:
    return Fail(400, {"message": "The request is invalid.", "modelState": {place: [text]}})
