"""What the agent shows of the books, as JSON-ready objects. Amounts are texts, blank dates are null."""

from __future__ import annotations

from datetime import date
from typing import Any

from include.sandbox.sage_100.books import Account, Company, Entry, Period

__all__ = ["account_view", "company_view", "entry_view", "period_view", "structure_view"]


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def company_view(company: Company) -> dict[str, Any]:
    """A company."""
    return {
        "companyCode": company.code,
        "companyName": company.name,
        "accountFormat": company.account_format,
        "currentFiscalYear": company.current_year,
        "currentPeriod": company.current_period,
        "batchEntry": company.batch_entry,
    }


def structure_view(company: Company) -> dict[str, Any]:
    """How the company writes account numbers."""
    return {
        "accountFormat": company.account_format,
        "delimiter": company.delimiter,
        "segments": [
            {
                "segmentNo": one.number,
                "description": "Main" if one.number == "01" else f"Segment {one.number}",
                "dataType": one.kind,
                "length": one.length,
            }
            for one in company.segments
        ],
    }


def account_view(company: Company, account: Account) -> dict[str, Any]:
    """An account."""
    return {
        "account": account.account,
        "accountKey": account.key,
        "rawAccount": account.raw(company.delimiter),
        "mainAccountCode": account.main(company.delimiter),
        "accountDesc": account.description,
        "accountType": account.type,
        "status": account.status,
        "dateStart": _day(account.start),
        "dateEnd": _day(account.end),
    }


def period_view(period: Period) -> dict[str, Any]:
    """A fiscal period."""
    return {
        "fiscalYear": period.year,
        "fiscalPeriod": period.number,
        "startDate": _day(period.start),
        "endDate": _day(period.end),
        "status": period.status,
    }


def entry_view(entry: Entry) -> dict[str, Any]:
    """A journal entry with its lines."""
    return {
        "companyCode": entry.company,
        "sourceJournal": entry.source_journal,
        "entryNo": entry.number,
        "batchNo": entry.batch,
        "postingDate": _day(entry.date),
        "fiscalYear": entry.period.year,
        "fiscalPeriod": entry.period.number,
        "externalReference": entry.reference,
        "journalComment": entry.comment,
        "status": entry.status,
        "journalRegisterNo": entry.register,
        "totalDebit": _money(entry.debit_cents),
        "totalCredit": _money(entry.credit_cents),
        "lines": [
            {
                "lineKey": f"{at:06d}",
                "account": line.account,
                "accountKey": line.account_key,
                "debitAmount": _money(line.debit_cents),
                "creditAmount": _money(line.credit_cents),
                "postingComment": line.comment,
            }
            for at, line in enumerate(entry.lines, start=1)
        ],
    }
