"""Expensify reports of the scenarios, as the sandbox keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from typing import Any

Json = dict[str, Any]

# Larger than a double can hold exactly, as real transaction IDs are.
_TRANSACTIONS = count(4056343049900000001)


@dataclass(frozen=True)
class Expense:
    """One line; cents in USD, a refund is negative."""

    category: str
    cents: int
    plant: str = "Plant 1"
    card: bool = False


def meals(cents: int, plant: str = "Plant 1") -> Expense:
    """The plainest expense: account 6100."""
    return Expense("Meals", cents, plant)


def report(identity: str, policy: str, approved: date, lines: list[Expense], status: str = "Approved") -> Json:
    """A report approved at 15:30 UTC, the same day in Chicago."""
    submitted = approved - timedelta(days=1)
    moment = f"{approved} 15:30:00"
    return {
        "reportID": identity,
        "reportName": f"Report {identity}",
        "status": status,
        "accountEmail": "dana.ortiz@company.example",
        "submitter": {"fullName": "Dana Ortiz"},
        "managerEmail": "pat.lindqvist@company.example",
        "manager": {"fullName": "Pat Lindqvist"},
        "created": f"{submitted} 09:00:00",
        "submitted": f"{submitted} 18:00:00",
        "approved": moment,
        "currency": "USD",
        "total": sum(line.cents for line in lines),
        "policyID": policy,
        "policyName": "End to end",
        "approvers": [{"email": "pat.lindqvist@company.example", "date": moment, "fullName": "Pat Lindqvist"}],
        "transactionList": [_expense(identity, submitted, line) for line in lines],
    }


def _expense(identity: str, day: date, line: Expense) -> Json:
    card = {"bank": "Amex Corp", "cardName": "Amex Corp 1979", "cardNumber": "3782XXXXXXX1979"}
    return {
        "transactionID": str(next(_TRANSACTIONS)),
        "reportID": identity,
        "merchant": "Deep Dish & Sons",
        "amount": line.cents,
        "currency": "USD",
        "created": f"{day}",
        "inserted": f"{day} 20:00:00",
        "category": line.category,
        "categoryGlCode": "",
        "tag": line.plant,
        "ntag1": line.plant,
        "reimbursable": not line.card,
        "billable": False,
        "hasTax": False,
        **(card if line.card else {}),
        "type": "expense",
    }
