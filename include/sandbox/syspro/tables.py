"""The database tables that queries read, as columns with a type and a width.

Ledger tables hold the rows of every company that shares them; a query that does not filter on `Company` gets
them all. Payables tables belong to the company of the session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from include.sandbox.syspro.books import Company
from include.sandbox.syspro.markup import amount

__all__ = ["TABLES", "Column", "Row", "Table", "Value", "account_row"]

Value = str | int | Decimal | date
Row = Mapping[str, Value]


@dataclass(frozen=True)
class Column:
    """A column's type and printed width (characters)."""

    kind: Literal["text", "number", "money", "date"]
    width: int = 0

    def show(self, value: Value) -> str:
        """The value as SYSPRO prints it: texts padded on the right, numbers on the left."""
        match value:
            case Decimal():
                return amount(int(value * 100), self.width)
            case date():
                return value.isoformat()
            case int():
                return str(value).rjust(self.width)
            case _:
                return value.ljust(self.width)


@dataclass(frozen=True)
class Table:
    """A table's columns and where its rows come from: (all companies, the session's company)."""

    columns: Mapping[str, Column]
    rows: Callable[[Iterable[Company], Company], Iterator[Row]]


def _money(cents: int) -> Decimal:
    return Decimal(cents) / 100


def account_row(company: Company, code: str) -> Row:
    """An account as a GenMaster row."""
    account = company.accounts[code]
    return {
        "Company": company.gl_company,
        "GlCode": account.code,
        "Description": account.description,
        "AccountType": account.type,
        "ExpenseType": "",
        "GlGroup": account.code[:4],
        "ControlAccFlag": "Y" if account.control else "N",
        "AccOnHldFlag": "Y" if account.on_hold else "",
        "CurrentBalance": _money(company.balance_cents(code)),
        "PrevPerEndBal": _money(0),
    }


def _gen_master(companies: Iterable[Company], company: Company) -> Iterator[Row]:
    return (account_row(one, code) for one in companies for code in one.accounts)


def _gen_journal_detail(companies: Iterable[Company], company: Company) -> Iterator[Row]:
    for one in companies:
        for journal in one.journals:
            for line in () if journal.cancelled else journal.lines:
                yield {
                    "Company": one.gl_company,
                    "GlYear": journal.year,
                    "GlPeriod": journal.period,
                    "Journal": journal.number,
                    "EntryNumber": line.entry,
                    # Amounts are stored without a sign; the side is in the type.
                    "EntryType": "D" if line.cents >= 0 else "C",
                    "GlCode": line.ledger_code,
                    "EntryValue": _money(abs(line.cents)),
                    "Reference": line.reference,
                    "Comment": line.comment,
                    "EntryDate": line.date,
                    "EntryPosted": "Y" if journal.status == "P" else "N",
                    "Source": journal.source,
                    "Type": journal.type,
                    "SubModJournal": 0,
                    "AnalysisEntry": 1 if line.analysis else 0,
                }


def _gen_analysis_code(companies: Iterable[Company], company: Company) -> Iterator[Row]:
    for one in companies:
        for category, codes in one.analysis_codes.items():
            for code, description in codes.items():
                yield {
                    "Company": one.gl_company,
                    "AnalysisType": category,
                    "AnalysisCode": code,
                    "Description": description,
                }


def _ap_supplier(companies: Iterable[Company], company: Company) -> Iterator[Row]:
    for one in company.suppliers.values():
        yield {"Supplier": one.code, "SupplierName": one.name, "OnHold": "Y" if one.on_hold else "N"}


def _ap_invoice(companies: Iterable[Company], company: Company) -> Iterator[Row]:
    for one in company.invoices:
        yield {
            "Supplier": one.supplier,
            "Invoice": one.invoice,
            "InvoiceDate": one.date,
            "OrigInvValue": _money(one.cents),
            "MthInvBal1": _money(one.cents),
        }


_FLAG, _MONEY, _DATE = Column("text", 1), Column("money", 15), Column("date")

TABLES: Mapping[str, Table] = {
    "GenMaster": Table(
        {
            "Company": Column("text", 4),
            "GlCode": Column("text", 35),
            "Description": Column("text", 50),
            "AccountType": _FLAG,
            "ExpenseType": _FLAG,
            "GlGroup": Column("text", 10),
            "ControlAccFlag": _FLAG,
            "AccOnHldFlag": _FLAG,
            "CurrentBalance": _MONEY,
            "PrevPerEndBal": _MONEY,
        },
        _gen_master,
    ),
    "GenJournalDetail": Table(
        {
            "Company": Column("text", 4),
            "GlYear": Column("number", 4),
            "GlPeriod": Column("number", 2),
            "Journal": Column("number", 10),
            "EntryNumber": Column("number", 10),
            "EntryType": _FLAG,
            "GlCode": Column("text", 35),
            "EntryValue": _MONEY,
            "Reference": Column("text", 30),
            "Comment": Column("text", 100),
            "EntryDate": _DATE,
            "EntryPosted": _FLAG,
            "Source": Column("text", 2),
            "Type": _FLAG,
            "SubModJournal": Column("number", 10),
            "AnalysisEntry": Column("number", 10),
        },
        _gen_journal_detail,
    ),
    "GenAnalysisCode": Table(
        {
            "Company": Column("text", 4),
            "AnalysisType": Column("number", 1),
            "AnalysisCode": Column("text", 10),
            "Description": Column("text", 50),
        },
        _gen_analysis_code,
    ),
    "ApSupplier": Table(
        {"Supplier": Column("text", 15), "SupplierName": Column("text", 50), "OnHold": _FLAG}, _ap_supplier
    ),
    "ApInvoice": Table(
        {
            "Supplier": Column("text", 15),
            "Invoice": Column("text", 20),
            "InvoiceDate": _DATE,
            "OrigInvValue": _MONEY,
            "MthInvBal1": _MONEY,
        },
        _ap_invoice,
    ),
}
