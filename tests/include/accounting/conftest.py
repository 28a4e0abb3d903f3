from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from include.accounting.reports import ExpenseFacts, ReportFacts
from include.settings.tenant import Tenant, tenant_from

Make = Callable[..., Tenant]


def tenant_with(**changes: Any) -> Tenant:
    """SYSPRO journals by day; ``section__key=value`` changes a key, ``None`` removes it."""
    content: dict[str, Any] = {
        "schedule": "0 6 * * *",
        "timezone": "America/Chicago",
        "start_date": date(2026, 11, 1),
        "expensify": {"connection": "expensify"},
        "erp": {"type": "syspro", "connection": "syspro", "pool": "syspro", "account": "{gl_account}-{cost_center}"},
        "posting": {
            "currency": "USD",
            "credit": {"reimbursable": "2150-00", "company_card": {"by_card": {"Amex Corp": "2161-00"}, "default": "2160-00"}},
        },
        "mapping": {
            "gl_account": {"values": {"Meals": "6100", "Airfare": "6200"}, "expensify_gl_code": True},
            "dimensions": {
                "cost_center": {"tag": 1, "required": True, "values": {"Plant 1": "P1", "Plant 2": "P2"}},
                "project": {"tag": 2, "values": {"Alpha": "A"}},
            },
        },
    }  # fmt: skip
    for path, value in changes.items():
        *sections, key = path.split("__")
        place = content
        for section in sections:
            place = place.setdefault(section, {})
        if value is None:
            place.pop(key, None)
        else:
            place[key] = value
    return tenant_from(content, "acme", Path())


@pytest.fixture
def tenant() -> Tenant:
    return tenant_with()


def expense(
    transaction_id: str, cents: int | None, category: str | None = "Meals", *tags: str, **changes: Any
) -> ExpenseFacts:
    values: dict[str, Any] = {
        "amount_cents": cents,
        "original_cents": cents,
        "currency": "USD",
        "category": category,
        "tags": tuple((tag, None) for tag in tags or ("Plant 1",)),
    }
    return ExpenseFacts(transaction_id, **{**values, **changes})


def report(*expenses: ExpenseFacts, **changes: Any) -> ReportFacts:
    values: dict[str, Any] = {
        "report_id": "R1",
        "status": "APPROVED",
        "currency": "USD",
        "total_cents": sum(one.amount_cents or 0 for one in expenses),
        "approved_day": date(2026, 11, 20),
        "expenses": list(expenses),
    }
    return ReportFacts(**{**values, **changes})
