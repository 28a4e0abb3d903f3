"""What the Expensify sandbox holds: policies, stored files, the record of jobs, and its refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

__all__ = ["Job", "JsonObject", "Policy", "Refusal", "StoredFile"]

# Requests and report models are free-form JSON: their shape is checked where it matters.
JsonObject = dict[str, Any]


class Refusal(Exception):
    """An error envelope: `code` goes into the body, while the HTTP status mostly stays 200."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass
class Policy:
    """A workspace. Sections are lists of plain dicts, exactly as `get policy` returns them."""

    id: str
    name: str
    owner: str = "owner@example.com"
    role: Literal["user", "auditor", "admin"] = "admin"
    currency: str = "USD"
    type: str = "corporate"
    categories: list[JsonObject] = field(default_factory=list)
    tags: list[JsonObject] = field(default_factory=list)
    report_fields: list[JsonObject] = field(default_factory=list)
    tax: JsonObject = field(default_factory=dict)
    employees: list[JsonObject] = field(default_factory=list)
    tag_approvers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """One request that reached the job dispatcher, without its credentials.

    `template`, `data` and `file` are the sibling form fields; `code` is the body code it was answered with;
    `reports` are the IDs that a `file` job exported; `in_url` is true when form fields came in the query
    string, where credentials end up in logs.
    """

    operation: str
    type: str
    kind: str
    at: datetime
    code: int
    description: Mapping[str, Any]
    template: str | None = None
    data: str | None = None
    file: str | None = None
    reports: tuple[str, ...] = ()
    in_url: bool = False


@dataclass
class StoredFile:
    """A file that a job left on the server; the next `tries_left` downloads find it not ready."""

    name: str
    content: bytes
    system: Literal["integrationServer", "reconciliation"] = "integrationServer"
    tries_left: int = 0
