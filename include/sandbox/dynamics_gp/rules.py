"""What GP checks of a new journal, whichever API it comes through."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from include.sandbox.dynamics_gp.books import Company, JournalLine

__all__ = ["Entry", "EntryLine", "Finding", "check", "taken"]

_LENGTHS = {"Reference": 30, "BatchId": 15, "SourceDocument": 11}


@dataclass(frozen=True)
class EntryLine:
    """One line as it came in."""

    sequence: int
    account: str
    debit: Decimal
    credit: Decimal
    description: str = ""


@dataclass(frozen=True)
class Entry:
    """A journal as it came in; `number` 0 means that GP takes the next one."""

    day: date
    batch: str
    reference: str
    lines: tuple[EntryLine, ...]
    source_document: str = "GJ"
    currency: str = ""
    ledger: str = "Base"
    number: int = 0


@dataclass(frozen=True)
class Finding:
    """One objection: the SBA service's code, words, and the member it is about."""

    code: str
    text: str
    field: str


def check(company: Company, entry: Entry) -> list[Finding]:
    """Every objection to an entry; none: it is taken."""
    found = [*_header(company, entry)]
    for at, line in enumerate(entry.lines):
        found += _line(company, line, f"Lines[{at}]")
    if len(entry.lines) < 2:
        found.append(Finding("TooFewLines", "A transaction needs at least two distributions.", "Lines"))
    doubled = [number for number, count in Counter(line.sequence for line in entry.lines).items() if count > 1]
    if doubled:
        found.append(Finding("DuplicateSequence", f"The sequence number {doubled[0]} is used twice.", "Lines"))
    debit, credit = sum(line.debit for line in entry.lines), sum(line.credit for line in entry.lines)
    if debit != credit:
        found.append(Finding("OutOfBalance", f"Debits of {debit} do not equal credits of {credit}.", "Lines"))
    return found


def _header(company: Company, entry: Entry) -> list[Finding]:
    found = []
    values = {"Reference": entry.reference, "BatchId": entry.batch, "SourceDocument": entry.source_document}
    for name, value in values.items():
        if len(value) > _LENGTHS[name]:
            found.append(Finding("FieldTooLong", f"{name} is longer than {_LENGTHS[name]} characters.", name))
    if not entry.reference.strip():
        found.append(Finding("MissingField", "Reference is required.", "Reference"))
    if entry.batch in company.busy_batches:
        found.append(Finding("BatchUnavailable", f"Batch {entry.batch} is being posted by another user.", "BatchId"))
    if entry.source_document not in company.source_documents:
        text = f"The source document {entry.source_document} does not exist."
        found.append(Finding("SourceDocument", text, "SourceDocument"))
    if entry.currency and entry.currency != company.currency:
        text = f"The currency {entry.currency} needs an exchange rate; the functional currency is {company.currency}."
        found.append(Finding("Currency", text, "CurrencyId"))
    if entry.number:
        found.append(Finding("JournalExists", f"Journal entry {entry.number} cannot be assigned.", "JournalEntry"))
    period = company.period_of(entry.day)
    if company.refuses_closed_periods and (period is None or period.closed or period.year_closed):
        text = f"The fiscal period of {entry.day} is closed for the Financial series."
        found.append(Finding("PeriodClosed", text, "TransactionDate"))
    return found


def _line(company: Company, line: EntryLine, where: str) -> list[Finding]:
    found = []
    if len(line.account) > 75:
        found.append(Finding("FieldTooLong", "The account is longer than 75 characters.", f"{where}.AccountNumber"))
    if len(line.description) > 30:
        found.append(Finding("FieldTooLong", "Description is longer than 30 characters.", f"{where}.Description"))
    for name, amount in (("DebitAmount", line.debit), ("CreditAmount", line.credit)):
        if amount != round(amount, 2):
            found.append(Finding("InvalidAmount", f"{name} has more than two decimals.", f"{where}.{name}"))
        if amount < 0 and not company.takes_negative_amounts:
            found.append(Finding("InvalidAmount", f"{name} is negative.", f"{where}.{name}"))
    if line.debit and line.credit:
        found.append(Finding("InvalidAmount", "A distribution has both a debit and a credit.", where))
    account = company.accounts.get(line.account.upper())
    if account is None:
        text = f"The account {line.account} does not exist in company {company.name}."
        found.append(Finding("AccountNotFound", text, f"{where}.AccountNumber"))
    elif not account.active:
        found.append(Finding("AccountInactive", f"The account {line.account} is inactive.", f"{where}.AccountNumber"))
    elif account.type != "Posting":
        text = f"The account {line.account} is not a posting account."
        found.append(Finding("AccountType", text, f"{where}.AccountNumber"))
    return found


def taken(company: Company, entry: Entry) -> int:
    """Put a checked entry into the Work tables; its number."""
    lines = [
        JournalLine(line.sequence, line.account, int((line.debit - line.credit) * 100), line.description)
        for line in entry.lines
    ]
    journal = company.take(
        entry.day,
        entry.batch,
        entry.reference,
        lines,
        source_document=entry.source_document,
        currency=entry.currency,
        ledger=entry.ledger,
    )
    return journal.number
