"""Archives as the extraction writes them: parts with their reports."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

Found = Iterable[tuple[dict[str, Any], list[dict[str, Any]]]]


def expense_record(transaction_id: str, category: str, cents: int = 1000, **fields: Any) -> dict[str, Any]:
    return {"transactionID": transaction_id, "category": category, "amount": cents, "currency": "USD", **fields}


def report_record(report_id: str, **fields: Any) -> dict[str, Any]:
    """A report of one expense over 10.00, approved at noon in Chicago on 20 November."""
    return {
        "reportID": report_id,
        "status": "APPROVED",
        "approved": "2026-11-20 18:00:00",
        "currency": "USD",
        "total": 1000,
        **fields,
    }


def part(started_at: datetime, found: Found = (), **asked: Any) -> list[dict[str, Any]]:
    """One part: what was asked, when, and the reports that came."""
    listed = list(found)
    lines: list[dict[str, Any]] = [{"k": "X", "started_at": started_at.isoformat(), **asked}]
    lines.append({"k": "B", "v": 1, "reports": len(listed)})
    for report, expenses in listed:
        total = sum(item["amount"] for item in expenses)
        lines.append({"k": "R", **report, "total": total if expenses else report["total"]})
        lines += [{"k": "E", "reportID": report["reportID"], **item} for item in expenses]
        lines.append({"k": "Z", "reportID": report["reportID"], "n": len(expenses)})
    return [*lines, {"k": "F", "reports": len(listed)}]


def archive(*parts: list[dict[str, Any]]) -> list[bytes]:
    return [json.dumps(line).encode() + b"\n" for lines in parts for line in lines]
