"""Rows of the books as the SBA service writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from include.sandbox.dynamics_gp.books import Account, Company, CostCenter, Employee, Journal, Period

__all__ = ["account_row", "center_row", "employee_row", "journal_row", "period_row"]


def account_row(one: Account, company: Company) -> dict[str, Any]:
    """An account."""
    return {
        "AccountNumber": one.number,
        "Description": one.description,
        "Alias": one.alias,
        "IsActive": one.active,
        "AccountType": one.type.replace(" ", ""),
        "Segments": one.number.split(company.separator),
        "ModifiedDate": _stamp(one.modified),
    }


def center_row(one: CostCenter) -> dict[str, Any]:
    """A cost centre."""
    return {
        "CostCenterId": one.code,
        "Description": one.description,
        "IsActive": one.active,
        "ModifiedDate": _stamp(one.modified),
    }


def employee_row(one: Employee) -> dict[str, Any]:
    """An employee."""
    return {
        "EmployeeId": one.code,
        "FirstName": one.first_name,
        "LastName": one.last_name,
        "Email": one.email,
        "Department": one.department,
        "CostCenter": one.cost_center,
        "IsActive": one.active,
        "ModifiedDate": _stamp(one.modified),
    }


def period_row(one: Period) -> dict[str, Any]:
    """A fiscal period."""
    return {
        "Year": one.year,
        "PeriodId": one.number,
        "Name": f"Period {one.number}",
        "FirstDay": one.first_day.isoformat(),
        "LastDay": one.last_day.isoformat(),
        "FinancialClosed": one.closed,
        "YearClosed": one.year_closed,
    }


def journal_row(one: Journal, *, lines: bool = False) -> dict[str, Any]:
    """A journal, on request with its lines."""
    row: dict[str, Any] = {
        "JournalEntry": one.number,
        "BatchId": one.batch,
        "Reference": one.reference,
        "TransactionDate": one.day.isoformat(),
        "SourceDocument": one.source_document,
        "CurrencyId": one.currency,
        "State": one.state,
        "IsVoided": one.voided,
        "ModifiedDate": _stamp(one.modified),
    }
    if lines:
        row["Lines"] = [
            {
                "AccountNumber": line.account,
                "DebitAmount": max(line.cents, 0) / 100,
                "CreditAmount": max(-line.cents, 0) / 100,
                "Description": line.description,
                "SequenceNumber": line.sequence,
            }
            for line in one.lines
        ]
    return row


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
