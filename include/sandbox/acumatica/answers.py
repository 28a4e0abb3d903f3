"""Answers of the endpoint: wrapped records, and errors in the forms that Acumatica has for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from include.sandbox.acumatica.books import Plain, Row
from include.sandbox.acumatica.schema import SCHEMAS, Schema
from include.sandbox.stage import Answer

__all__ = ["Fail", "Shape", "answer_of", "failure", "no_entity", "record"]


class Fail(Exception):
    """An error answer. `body` is JSON-ready, or the plain text that is sent."""

    def __init__(self, status: int, body: object = "") -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body

    def answer(self) -> Answer:
        """What is sent."""
        if isinstance(self.body, str):
            return Answer(self.body.encode(), self.status, {"Content-Type": "text/plain"})
        return answer_of(self.body, self.status)


def failure(message: str, kind: str = "PX.Data.PXException") -> Fail:
    """HTTP 500 with an exception."""
    return Fail(
        500,
        {
            "message": "An error has occurred.",
            "exceptionMessage": message,
            "exceptionType": kind,
            "stackTrace": "   at PX.Data.PXGraph.Press(String action)",
        },
    )


def no_entity() -> Fail:
    """How an absent record looks: 500, not 404."""
    return failure("No entity satisfies the condition.", "PX.Api.ContractBased.NoEntitySatisfiesTheConditionException")


def answer_of(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """JSON, with decimals as the exact numbers they are."""
    return Answer(_dump(value).encode(), status, {"Content-Type": "application/json", **(headers or {})})


def _dump(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(name)}:{_dump(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_dump(part) for part in value) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


class Shape:
    """What `$select` and `$expand` ask for; raises 400 for names that the entity does not have."""

    def __init__(self, entity: str, select: str, expand: str) -> None:
        self.schema = SCHEMAS[entity]
        self.expanded = [part.strip() for part in expand.split(",") if part.strip()]
        for name in self.expanded:
            if name not in ("files",) and name not in self.schema.linked and name not in self.schema.details:
                raise Fail(400, {"message": f"Cannot expand {name}."})
        self.selected = [part.strip() for part in select.split(",") if part.strip()]
        for name in self.selected:
            self._known(name)

    def _known(self, name: str) -> None:
        outer, _, inner = name.partition("/")
        below = {**self.schema.linked, **self.schema.details}
        if inner:
            if outer not in below or inner not in below[outer].fields:
                raise Fail(400, {"message": f"Cannot select {name}."})
        elif outer not in self.schema.fields and outer not in below:
            raise Fail(400, {"message": f"Cannot select {name}."})

    def takes(self, name: str) -> bool:
        """Whether a field of the record itself is answered; keys always are."""
        return not self.selected or name in self.selected or name in self.schema.keys

    def inner(self, outer: str) -> set[str] | None:
        """The fields answered of a linked record or detail; None means all."""
        if not self.selected or outer in self.selected:
            return None
        return {name.partition("/")[2] for name in self.selected if name.startswith(f"{outer}/")}

    def below(self, outer: str) -> bool:
        """Whether a linked record or detail is answered at all."""
        return outer in self.expanded and self.inner(outer) != set()


def record(entity: str, row: Row, shape: Shape, root: str, number: int = 1) -> dict[str, object]:
    """A row as the endpoint shows it."""
    names = [name for name in shape.schema.fields if shape.takes(name)]
    shown = _shown(row, shape.schema, names, number)
    for name, inner in shape.schema.linked.items():
        if shape.below(name):
            linked = row.linked.get(name, Row({}))
            wanted = shape.inner(name)
            shown[name] = _shown(linked, inner, [f for f in inner.fields if wanted is None or f in wanted], 1)
    for name, inner in shape.schema.details.items():
        if shape.below(name):
            wanted = shape.inner(name)
            fields = [f for f in inner.fields if wanted is None or f in wanted]
            shown[name] = [_shown(line, inner, fields, n) for n, line in enumerate(row.details.get(name, ()), start=1)]
    shown["custom"] = {}
    shown["_links"] = {"self": f"{root}/{entity}/{row.id}"}
    return shown


def _shown(row: Row, schema: Schema, names: Sequence[str], number: int) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": row.id, "rowNumber": number, "note": {"value": ""}}
    for name in names:
        shown[name] = _wrapped(row.fields.get(name), schema.fields[name])
        if name in row.warnings:
            shown[name]["warning"] = row.warnings[name]
    return shown


def _wrapped(value: Plain, kind: str) -> dict[str, object]:
    # An empty field has no value at all.
    if value is None or value == "":
        return {}
    if isinstance(value, datetime):
        return {"value": value.isoformat(timespec="milliseconds")}
    if isinstance(value, date):
        return {"value": f"{value.isoformat()}T00:00:00+00:00"}
    if isinstance(value, Decimal) and kind == "number":
        return {"value": value.quantize(Decimal("0.0001"))}
    return {"value": value}
