"""What changes while a comparison reads the three sides one after the other is left to the next one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from include.erps.port import DocumentList
from include.reconcile.sides import ApprovedReport, Booked, Books


def moved(before: Books, after: Books, unread_reports: Collection[str]) -> set[str]:
    """Journals that another process changed between two readings of the ledger, and those with reports that came into it too
    late to be asked for."""
    changed = {key for key, journal in after.journals.items() if _state(before.journals.get(key)) != _state(journal)}
    unread = set(unread_reports)
    return changed | {key for key, journal in after.journals.items() if unread.intersection(journal.report_ids)}


def _state(journal: Booked | None) -> tuple[str, str | None, tuple[str, ...]] | None:
    return None if journal is None else (journal.state, journal.document_number, journal.report_ids)


def without(
    keys: Iterable[str], reports: Iterable[ApprovedReport], books: Books, listed: DocumentList
) -> tuple[list[ApprovedReport], Books, DocumentList]:
    """The three sides without these journals, their reports, whatever shares a report with them, and their documents."""
    gone = set(keys)
    if not gone:
        return list(reports), books, listed
    members = {key: set(journal.report_ids) for key, journal in books.journals.items()}
    for one in books.expenses:
        members.setdefault(one.journal_key, set()).add(one.report_id)
    gone_reports: set[str] = set()
    while True:
        gone_reports |= {report_id for key in gone for report_id in members.get(key, ())}
        joined = {key for key, of_one in members.items() if of_one & gone_reports} - gone
        if not joined:
            break
        gone |= joined
    references = {str(books.journals[key].reference).upper() for key in gone if key in books.journals}
    left = replace(
        books,
        journals={key: journal for key, journal in books.journals.items() if key not in gone},
        expenses=tuple(one for one in books.expenses if one.journal_key not in gone),
    )
    documents = tuple(one for one in listed.documents if (one.reference or "").upper() not in references)
    note = f"{len(gone)} journals changed while they were compared: left to the next run"
    return (
        [report for report in reports if report.report_id not in gone_reports],
        left,
        replace(listed, documents=documents, gaps=(*listed.gaps, note)),
    )
