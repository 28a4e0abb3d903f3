"""Many documents at once: by the beginning of their reference and their dates, and by name for those not among them.

A journal is found by its entries. One that was cancelled has none any more, so it is simply not there. An invoice has a
date and a value, and nothing that tells its distribution or whether it was reversed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta

from include.erps.port import DocumentList, DocumentsAsked, ErpDocument
from include.erps.syspro import answers
from include.erps.syspro.answers import Unreadable
from include.erps.syspro.entries import Key, journal_of, key_of
from include.erps.syspro.lookups import Lookups, Row
from include.erps.syspro.settings import SysproSettings
from include.errors import LookupFailed

_SLICE_DAYS = 7
"""How many days one question covers: all rows of an answer must come at once, and their number has a limit."""

_UNLISTED = (
    "SYSPRO was asked for the references that the ledger knows only (no reference prefix, or erp.lists_by_prefix is false): a "
    "document of ours that the ledger does not know would not be seen"
)
_INVOICES = (
    "SYSPRO's invoice table tells neither the distribution nor a reversal: only number, date and value are compared"
)


def listed(lookups: Lookups, settings: SysproSettings, asked: DocumentsAsked) -> DocumentList:
    """See :meth:`include.erps.port.Erp.documents`."""
    by_prefix = bool(asked.prefix) and settings.lists_by_prefix
    gaps = [] if by_prefix else [_UNLISTED]
    try:
        documents = _journals(lookups, settings, asked, by_prefix)
        bills = [draft for draft in asked.drafts if draft.kind == "bill"]
        if settings.supplier and (settings.document == "ap_invoice" or bills):
            invoices = _invoices(lookups, settings, asked, by_prefix, settings.supplier)
            # Payables post to the ledger themselves, under the invoice's reference: that is no second document.
            payables = {draft.reference.upper() for draft in bills}
            payables |= {str(invoice.reference).upper() for invoice in invoices}
            documents = [one for one in documents if str(one.reference).upper() not in payables] + invoices
            gaps.append(_INVOICES)
    except Unreadable as error:
        raise LookupFailed(f"SYSPRO's documents cannot be read: {error}") from None
    return DocumentList(tuple(documents), tuple(gaps))


def _journals(lookups: Lookups, settings: SysproSettings, asked: DocumentsAsked, by_prefix: bool) -> list[ErpDocument]:
    names = settings.tables
    # Entry by entry: an entry of a journal that runs over two slices of days must not count twice.
    found: dict[tuple[str, Key], dict[str, Row]] = defaultdict(dict)

    def take(rows: list[Row]) -> None:
        for row in rows:
            reference = row[names.journal_reference]
            found[reference.upper(), key_of(row, names)][row[names.journal_entry]] = row

    if by_prefix:
        for first, last in _slices(asked):
            take(_matching(lookups.entries_like(asked.prefix, first, last), names.journal_reference, asked.prefix))
    # By name also what the list showed in part: entries of one journal may bear dates outside the days listed.
    wanted = [draft.reference for draft in asked.drafts if draft.kind == "journal"]
    wanted += [name for name in asked.references if name not in wanted]
    if wanted:
        take(lookups.entries_of(wanted))
    if not found:
        lookups.prove_ledger()
    days = {draft.reference.upper(): draft.posting_date for draft in asked.drafts}
    return [
        journal_of(key, list(rows.values()), names, days.get(reference) or _day(rows, names.journal_date), reference)
        for (reference, key), rows in sorted(found.items())
    ]


def _day(rows: dict[str, Row], column: str) -> date | None:
    return next((day for row in rows.values() if (day := answers.day(row[column]))), None)


def _invoices(
    lookups: Lookups, settings: SysproSettings, asked: DocumentsAsked, by_prefix: bool, supplier: str
) -> list[ErpDocument]:
    names = settings.tables
    rows: list[Row] = []
    if by_prefix:
        for first, last in _slices(asked):
            listed_rows = lookups.invoices_like(supplier, asked.prefix, first, last)
            rows += _matching(listed_rows, names.invoice_number, asked.prefix)
    seen = {row[names.invoice_number].upper() for row in rows}
    wanted = [draft.reference for draft in asked.drafts if draft.kind == "bill"]
    wanted += [name for name in asked.references if name not in wanted]
    missing = [name for name in wanted if name.upper() not in seen]
    if missing:
        rows += lookups.invoices_of(supplier, missing)
    if not rows and lookups.supplier_on_hold(supplier) is None:
        raise LookupFailed(f"SYSPRO shows no supplier {supplier!r}, so the absence of its invoices proves nothing")
    return [
        ErpDocument(
            number=f"{supplier}/{row[names.invoice_number]}",
            total_cents=answers.cents(row[names.invoice_value]),
            posting_date=answers.day(row[names.invoice_date]),
            reference=row[names.invoice_number],
        )
        for row in rows
    ]


def _matching(rows: list[Row], column: str, prefix: str) -> list[Row]:
    if any(not row[column].upper().startswith(prefix.upper()) for row in rows):
        raise LookupFailed(f"SYSPRO's list of {prefix}... holds documents that were not asked for")
    return rows


def _slices(asked: DocumentsAsked) -> Iterator[tuple[date, date]]:
    first = asked.first_day
    while first <= asked.last_day:
        last = min(first + timedelta(days=_SLICE_DAYS - 1), asked.last_day)
        yield first, last
        first = last + timedelta(days=1)
