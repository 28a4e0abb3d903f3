"""Creating a journal entry: the same checks, in the same order, for both channels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from include.sandbox.sage_100.books import Account, Company, Entry, EntryLine, Period
from include.sandbox.sage_100.refusals import Refusal

__all__ = ["MOST_CENTS", "NewEntry", "NewLine", "create"]

MOST_LINES = 200
MOST_CENTS = 99_999_999_999
_REFERENCE = re.compile(r"[A-Za-z0-9._:-]{1,30}")
_LENGTHS = {
    "sourceJournal": 2,
    "externalReference": 30,
    "journalComment": 2048,
    "batchNo": 5,
    "account": 41,
    "postingComment": 2048,
}
_COLUMNS = {"sourceJournal": "SourceJournal", "account": "AccountKey"}


@dataclass(frozen=True)
class NewLine:
    """A line as it came in; cents, or None where the amount is absent. A negative amount is kept to be refused."""

    account: str | None
    debit_cents: int | None
    credit_cents: int | None
    comment: str | None


@dataclass(frozen=True)
class NewEntry:
    """An entry as it came in; None where a field is absent."""

    source_journal: str | None
    posting_date: date | None
    reference: str | None
    comment: str | None
    batch: str | None
    lines: Sequence[NewLine] | None


def create(company: Company, new: NewEntry) -> Entry:
    """Write the entry, or raise the first thing that is wrong with it."""
    source, day, reference, lines = _required(new)
    _check_texts(new, lines)
    if not _REFERENCE.fullmatch(reference):
        raise Refusal("INVALID_VALUE", "The value is not a valid external reference.", "externalReference")
    if source not in company.source_journals:
        message = f"{source} is not on file."
        raise Refusal("SOURCE_JOURNAL_NOT_FOUND", message, "sourceJournal", _COLUMNS["sourceJournal"])
    _check_batch(company, new.batch)
    if not 2 <= len(lines) <= MOST_LINES:
        raise Refusal("INVALID_VALUE", f"An entry has 2 to {MOST_LINES} lines.", "lines")
    missing: list[str] = []
    for at, line in enumerate(lines):
        _check_amounts(line, f"lines[{at}]")
        missing += _check_account(company, line.account or "", day, f"lines[{at}].account")
    debits = sum(line.debit_cents or 0 for line in lines)
    credits = sum(line.credit_cents or 0 for line in lines)
    if debits != credits:
        raise Refusal("UNBALANCED", "The entry is out of balance.")
    period = _open_period(company, day)
    if company.locks:
        company.locks -= company.locks > 0
        raise Refusal("RECORD_LOCKED", "Record is in use by another user.")
    for account in missing:
        company.add_account(account, "Created by journal entry").created_by_entry = True
    return _written(company, new, source, day, reference, lines, period)


def _required(new: NewEntry) -> tuple[str, date, str, Sequence[NewLine]]:
    for field, value in (
        ("sourceJournal", new.source_journal),
        ("postingDate", new.posting_date),
        ("externalReference", new.reference),
        ("lines", new.lines),
    ):
        if not value and value != []:
            raise Refusal("FIELD_REQUIRED", f"{field} is required.", field)
    for at, line in enumerate(new.lines or ()):
        if not line.account:
            raise Refusal("FIELD_REQUIRED", "account is required.", f"lines[{at}].account")
    assert new.source_journal
    assert new.posting_date
    assert new.reference
    assert new.lines is not None
    return new.source_journal, new.posting_date, new.reference, new.lines


def _check_texts(new: NewEntry, lines: Sequence[NewLine]) -> None:
    texts = [
        ("sourceJournal", "sourceJournal", new.source_journal),
        ("externalReference", "externalReference", new.reference),
        ("journalComment", "journalComment", new.comment),
        ("batchNo", "batchNo", new.batch),
    ]
    for at, line in enumerate(lines):
        texts.append(("account", f"lines[{at}].account", line.account))
        texts.append(("postingComment", f"lines[{at}].postingComment", line.comment))
    for name, place, text in texts:
        if len(text or "") > _LENGTHS[name]:
            raise Refusal("FIELD_TOO_LONG", f"The value is longer than {_LENGTHS[name]} characters.", place)
    for _, place, text in texts:
        if not _storable(text or ""):
            raise Refusal("INVALID_CHARACTER", "The value holds a character that cannot be stored.", place)


def _storable(text: str) -> bool:
    # Result sets are one text separated by the byte 0x8A, the letter Š.
    try:
        stored = text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return not any(byte < 0x20 or byte in (0x7F, 0x8A) for byte in stored)


def _check_batch(company: Company, batch: str | None) -> None:
    if batch is None:
        return
    if not company.batch_entry:
        if batch != "00000":
            raise Refusal("INVALID_VALUE", "The company does not use batch entry.", "batchNo")
    elif not batch.isalnum():
        raise Refusal("INVALID_VALUE", "The batch number is not valid.", "batchNo")
    elif batch in company.batches_in_use:
        raise Refusal("BATCH_IN_USE", "The batch is in use by another user.", "batchNo")


def _check_amounts(line: NewLine, place: str) -> None:
    debit, credit = line.debit_cents or 0, line.credit_cents or 0
    if debit < 0 or credit < 0:
        raise Refusal("INVALID_AMOUNT", "An amount is negative.", place)
    if max(debit, credit) > MOST_CENTS:
        raise Refusal("INVALID_AMOUNT", "An amount exceeds 999999999.99.", place)
    if (debit > 0) == (credit > 0):
        raise Refusal("INVALID_AMOUNT", "Exactly one of debit and credit must be above zero.", place)


def _check_account(company: Company, code: str, day: date, place: str) -> list[str]:
    """An account that is to be created with the entry, if Sage is set so."""
    account = company.accounts.get(code)
    if account is None:
        if company.auto_create_accounts == "Y" and _could_exist(company, code):
            return [code]
        raise Refusal("ACCOUNT_NOT_FOUND", f"{code} is not on file.", place, _COLUMNS["account"])
    if account.status != "A" or not _in_use(account, day):
        raise Refusal("ACCOUNT_INACTIVE", f"Account {code} is not active.", place)
    return []


def _could_exist(company: Company, code: str) -> bool:
    parts, segments = code.split(company.delimiter), company.segments
    if len(parts) != len(segments):
        return False
    for part, segment in zip(parts, segments, strict=True):
        if segment.kind == "N" and not (part.isascii() and part.isdigit() and len(part) == segment.length):
            return False
        if segment.kind == "A" and (not 0 < len(part) <= segment.length or part != part.upper()):
            return False
    mains = {account.main(company.delimiter) for account in company.accounts.values()}
    subs = [
        part in company.sub_accounts.get(one.number, {}) for part, one in list(zip(parts, segments, strict=True))[1:]
    ]
    return parts[0] in mains and all(subs)


def _in_use(account: Account, day: date) -> bool:
    return (account.start is None or account.start <= day) and (account.end is None or day <= account.end)


def _open_period(company: Company, day: date) -> Period:
    period = company.period_of(day)
    if period is None:
        raise Refusal("PERIOD_NOT_FOUND", f"No period is defined for {day}.", "postingDate")
    if period.status != "O":
        raise Refusal("PERIOD_CLOSED", f"Period {period.number} of {period.year} is closed.", "postingDate")
    return period


def _written(
    company: Company,
    new: NewEntry,
    source: str,
    day: date,
    reference: str,
    lines: Sequence[NewLine],
    period: Period,
) -> Entry:
    batch = new.batch or "00000"
    if company.batch_entry and new.batch is None:
        company.last_batch += 1
        batch = f"{company.last_batch:05d}"
    rows = [
        EntryLine(
            line.account or "",
            company.accounts[line.account or ""].key,
            line.debit_cents or 0,
            line.credit_cents or 0,
            line.comment or "",
        )
        for line in lines
    ]
    number = company.next_number(source)
    entry = Entry(company.code, source, number, batch, day, period, reference, new.comment or "", rows)
    company.entries.append(entry)
    return entry
