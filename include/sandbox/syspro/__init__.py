"""SYSPRO's e.net service (REST and SOAP) with a general ledger, payables and their queries behind it."""

from include.sandbox.syspro.books import (
    Account,
    AnalysisLine,
    Company,
    Invoice,
    Journal,
    JournalLine,
    Operator,
    Supplier,
)
from include.sandbox.syspro.service import Syspro

__all__ = [
    "Account",
    "AnalysisLine",
    "Company",
    "Invoice",
    "Journal",
    "JournalLine",
    "Operator",
    "Supplier",
    "Syspro",
]
