"""Refusals in the service's own form: a status, a code, and for business rules a token in the details."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from include.sandbox.stage import Answer, json_answer

__all__ = ["Refused", "malformed", "not_found", "rule", "unreadable"]


@dataclass
class Refused(Exception):
    """An error answer. An empty `code` leaves it out, as the service does for 401 and 403."""

    status: int
    code: str
    message: str
    details: list[dict[str, str]] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)

    def answer(self) -> Answer:
        """The answer on the wire."""
        error: dict[str, object] = {"code": self.code} if self.code else {}
        error["message"] = self.message
        if self.details:
            error["details"] = self.details
        plain = json_answer({"error": error}, self.status)
        return Answer(plain.body, plain.status, {**plain.headers, **self.headers})


def rule(token: str, text: str, oracle: str = "20110", status: int = 400) -> Refused:
    """A business rule that is broken: `token` is `Lu.TOKEN`, `oracle` the database's own number."""
    details = [{"code": oracle, "message": f"{token}: {text}"}]
    return Refused(status, "DATABASE_ERROR", "The database reported an error.", details)


def malformed(text: str) -> Refused:
    """A URL or query that cannot be read."""
    return Refused(400, "ODP_UNSUPPORTED_URL", f"Malformed Request. {text}")


def unknown_property(name: str, entity_set: str) -> Refused:
    """A property that the type does not have; a live server reports it in the details."""
    details = [{"code": "EXPRESSION_PROPERTY_NOT_IN_TYPE", "message": f"The property '{name}' is not in {entity_set}."}]
    return Refused(400, "", "Malformed Request.", details)


def unreadable(text: str) -> Refused:
    """A body of the wrong form."""
    return Refused(400, "ODP_DESERIALIZATION_ERROR", text)


def not_found(what: str) -> Refused:
    """An entity or set that does not exist, or is not the user's to see."""
    return Refused(404, "ODP_RESOURCE_NOTFOUND", f"{what} was not found.")
