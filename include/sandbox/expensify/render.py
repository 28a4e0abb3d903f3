"""What the server prints for a submitted template.

The sandbox does not interpret FreeMarker. The project's extraction template carries `MARKER` in a comment;
for it the lines are printed natively: one JSON object per line, framed per rendering. Any other template
prints nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from include.sandbox.expensify.state import JsonObject

__all__ = ["MARKER", "render"]

MARKER = "expensify-erp export v1"

# Left: the key on the line. Right: where it is found in the report, dots for nested objects.
_REPORT = (
    *((key, key) for key in ("reportID", "oldReportID", "reportName", "status", "stateNum", "accountEmail")),
    *((key, key) for key in ("accountID", "submitterUserID", "submitterPayrollID")),
    *((key, key) for key in ("employeeCustomField1", "employeeCustomField2")),
    ("submitterName", "submitter.fullName"),
    *((key, key) for key in ("managerEmail", "managerUserID")),
    ("managerName", "manager.fullName"),
    *((key, key) for key in ("created", "submitted", "approved", "reimbursed", "currency", "total")),
    *((key, key) for key in ("policyID", "policyName", "isACHReimbursed", "entryID")),
)
_EXPENSE = (
    *("transactionID", "externalID", "merchant", "modifiedMerchant", "amount", "modifiedAmount"),
    *("convertedAmount", "currency", "currencyConversionRate", "created", "modifiedCreated", "inserted"),
    *("category", "categoryGlCode", "categoryPayrollCode", "tag", "tagGlCode"),
    *(key for level in range(1, 11) for key in (f"ntag{level}", f"ntag{level}GlCode")),
    *("reimbursable", "billable", "hasTax", "isDistance", "taxAmount", "modifiedTaxAmount"),
    *("taxName", "taxRate", "taxRateName", "taxCode", "mcc", "bank", "cardName", "cardID", "cardLast4"),
    *("managedCard", "type"),
)
# Identifiers exceed what a double holds exactly, so the template prints them as strings whatever they are.
_ALWAYS_TEXT = frozenset(
    {"reportID", "oldReportID", "transactionID", "cardID", "accountID", "policyID", "entryID"}
)

_UNPRINTED = re.compile("[\x7f-\x9f\u2028\u2029]")


def render(template: str, reports: Sequence[JsonObject], batch_size: int | None) -> bytes:
    """The file's content: one rendering per batch of `batch_size` reports (None: one), appended."""
    if MARKER not in template:
        return b""
    size = batch_size or max(1, len(reports))
    batches = [reports[start : start + size] for start in range(0, len(reports), size)] or [[]]
    lines = (line for batch in batches for line in _rendering(batch))
    return "".join(f"{line}\n" for line in lines).encode()


def _rendering(reports: Sequence[JsonObject]) -> Iterator[str]:
    yield _line([("k", "B"), ("v", 1), ("reports", len(reports))])
    for report in reports:
        expenses: list[JsonObject] = report.get("transactionList") or []
        identity = ("reportID", str(report["reportID"]))
        yield _line([("k", "R"), *_report(report)])
        for expense in expenses:
            yield _line([("k", "E"), identity, *_expense(expense)])
        yield _line([("k", "Z"), identity, ("n", len(expenses))])
    yield _line([("k", "F"), ("reports", len(reports))])


def _report(report: JsonObject) -> Iterator[tuple[str, Any]]:
    yield from _present((key, _look_up(report, path)) for key, path in _REPORT)
    approvers = [
        dict(_present((key, approver.get(source)) for key, source in _APPROVER))
        for approver in report.get("approvers") or []
    ]
    if approvers:
        yield "approvers", approvers


_APPROVER = (("email", "email"), ("date", "date"), ("name", "fullName"))


def _expense(expense: JsonObject) -> Iterator[tuple[str, Any]]:
    number = expense.get("cardNumber")
    # Only the last four characters leave Expensify: the template cuts, so a full number never crosses the
    # wire.
    view = {**expense, "cardLast4": str(number)[-4:] if number else None}
    return _present((key, view.get(key)) for key in _EXPENSE)


def _present(pairs: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    for key, value in pairs:
        if value is None or value == "":
            continue
        yield key, str(value) if key in _ALWAYS_TEXT else value


def _look_up(report: JsonObject, path: str) -> Any:
    value: Any = report
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _line(pairs: Iterable[tuple[str, Any]]) -> str:
    return "{" + ",".join(f"{json.dumps(key)}:{_text(value)}" for key, value in pairs) + "}"


def _text(value: Any) -> str:
    match value:
        case Decimal():
            return f"{value:f}"
        case datetime():
            return f'"{value:%Y-%m-%d %H:%M:%S}"'
        case date():
            return f'"{value:%Y-%m-%d} 00:00:00"'
        case dict():
            return _line(value.items())
        case list():
            return "[" + ",".join(map(_text, value)) + "]"
        case str():
            # As FreeMarker's ?json_string does: <\/ for scripts' sake, and no character that some readers
            # take for the end of a line.
            text = json.dumps(value, ensure_ascii=False).replace("</", "<\\/")
            return _UNPRINTED.sub(lambda match: f"\\u{ord(match[0]):04X}", text)
        case _:
            return json.dumps(value)
