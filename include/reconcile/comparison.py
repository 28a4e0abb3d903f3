"""The whole comparison: differences, the totals of the three sides, and what could not be compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from include.accounting.money import written
from include.erps.port import DocumentList, ErpDocument
from include.reconcile.documents import by_reference, compare_documents, control_cents, unread
from include.reconcile.reports import ReportView, compare_reports, is_under_way, total_of, views
from include.reconcile.sides import ApprovedReport, Booked, Books, Difference, Rules


@dataclass
class Total:
    """Signed cents of one currency.

    ``expensify``: approved. ``closed`` and ``under_way`` are the parts of it that a person settled, that net to nothing, or that
    a run is about to post. ``ledger``: posted. ``erp``: what its documents stand for.
    """

    currency: str
    expensify: int = 0
    closed: int = 0
    under_way: int = 0
    ledger: int = 0
    erp: int = 0

    def as_json(self) -> dict[str, Any]:
        """For the ledger's column."""
        return dict(vars(self))


@dataclass
class CategoryTotal:
    """Signed cents of one category, by whether the employee is reimbursed.

    ``erp``: the ledger's amounts whose document stands in the ERP as it was posted: a document does not name categories.
    """

    currency: str
    category: str
    reimbursable: bool
    expensify: int = 0
    ledger: int = 0
    erp: int = 0

    def as_json(self) -> dict[str, Any]:
        """For the ledger's column."""
        return dict(vars(self))


@dataclass(frozen=True)
class Comparison:
    """``notes``: what could not be compared, and why. Counts are of what was compared."""

    differences: tuple[Difference, ...]
    totals: tuple[Total, ...]
    categories: tuple[CategoryTotal, ...]
    notes: tuple[str, ...] = ()
    reports: int = 0
    journals: int = 0
    documents: int = 0


@dataclass
class _Sums:
    totals: dict[str, Total] = field(default_factory=dict)
    categories: dict[tuple[str, str, bool], CategoryTotal] = field(default_factory=dict)

    def total(self, currency: str) -> Total:
        return self.totals.setdefault(currency, Total(currency))

    def category(self, currency: str, category: str, reimbursable: bool) -> CategoryTotal:
        key = (currency, category, reimbursable)
        return self.categories.setdefault(key, CategoryTotal(*key))


def compare(reports: Sequence[ApprovedReport], books: Books, listed: DocumentList, rules: Rules) -> Comparison:
    """Compare the three sides."""
    documents = listed.documents
    found = views(reports, books, rules)
    of_reports = compare_reports(found, books, rules)
    of_documents = compare_documents(books, documents)
    unsound = {one.journal_key for one in of_documents if one.journal_key}
    sums = _Sums()
    for view in found:
        _add_report(sums, view, books, unsound)
    under = by_reference(documents)
    net = _net_by_journal(found, books)
    for journal in books.journals.values():
        if journal.state == "posted":
            of_one = under.get(journal.reference.upper(), []) if journal.reference else []
            sums.total(journal.currency).erp += _stands_for(journal, of_one, net.get(journal.key, 0))
    known = {journal.reference.upper() for journal in books.journals.values() if journal.reference}
    for document in documents:
        if document.live and (document.reference or "").upper() not in known | books.references:
            sums.total(document.currency or "").erp += document.total_cents or 0
    totals = [sums.totals[currency] for currency in sorted(sums.totals)]
    differences = [*of_reports, *of_documents]
    differences += unexplained(totals, report_told=bool(of_reports), document_told=bool(of_documents))
    return Comparison(
        _dated(differences, reports, books, documents),
        tuple(totals),
        tuple(sums.categories[key] for key in sorted(sums.categories)),
        (*listed.gaps, *unread(books.journals, documents)),
        reports=sum(1 for view in found if view.report is not None),
        journals=len(books.journals),
        documents=len(documents),
    )


def _add_report(sums: _Sums, view: ReportView, books: Books, unsound: set[str]) -> None:
    total = sums.total(view.currency)
    for key, one in view.approved.items():
        cents = one.amount_cents or 0
        total.expensify += cents
        sums.category(view.currency, one.category, one.reimbursable).expensify += cents
        journal = view.of(key, books)
        if journal is None and view.journals and all(each.state == "closed" for each in view.journals):
            journal = view.journals[0]
        if journal is not None and journal.state == "closed":
            total.closed += cents
        elif journal is not None and is_under_way(journal):
            total.under_way += cents
    for claimed in view.claimed.values():
        journal = books.journals.get(claimed.journal_key)
        if journal is None or journal.state != "posted":
            continue
        spent, cents = claimed.spent, claimed.spent.amount_cents or 0
        total_of_journal = sums.total(journal.currency)
        total_of_journal.ledger += cents
        of_category = sums.category(journal.currency, spent.category, spent.reimbursable)
        of_category.ledger += cents
        if journal.key not in unsound:
            of_category.erp += cents


def _net_by_journal(found: Iterable[ReportView], books: Books) -> dict[str, int]:
    net: dict[str, int] = defaultdict(int)
    for view in found:
        for claimed in view.claimed.values():
            net[claimed.journal_key] += total_of([claimed.spent])
    return net


def _stands_for(journal: Booked, documents: Sequence[ErpDocument], net_cents: int) -> int:
    """What the live documents of a journal stand for, in terms of its expenses.

    A document's total is the debit side or the payable, which is not the sum of the expenses when there are refunds or cards
    among them; so what it differs by counts on top of what was posted.
    """
    live = [document for document in documents if document.live]
    if journal.by_hand or (journal.accepted and len(live) == 1):
        return net_cents
    if not live:
        return 0
    control = control_cents(journal)
    off = live[0].total_cents - control if live[0].total_cents is not None and control is not None else 0
    return net_cents + off + sum(document.total_cents or 0 for document in live[1:])


def unexplained(totals: Iterable[Total], *, report_told: bool, document_told: bool) -> list[Difference]:
    """Totals that differ although no report or document does: a fault of the comparison itself must be seen, not believed."""
    found = []
    for total in totals:
        due = total.expensify - total.closed - total.under_way
        if due != total.ledger and not report_told:
            found.append(_unexplained_one("Expensify and the ledger", total.currency, due, total.ledger))
        if total.ledger != total.erp and not document_told:
            found.append(_unexplained_one("the ledger and the ERP", total.currency, total.ledger, total.erp))
    return found


def _unexplained_one(sides: str, currency: str, expected: int, found: int) -> Difference:
    return Difference(
        "unexplained",
        f"The totals of {sides} differ ({written(expected, currency)} and {written(found, currency)}), and no report or document "
        "explains it",
        "Report it with the run's log: the comparison itself is at fault",
        currency,
        expected,
        found,
        document=f"{sides} {currency}",
    )


def _dated(
    differences: Iterable[Difference], reports: Sequence[ApprovedReport], books: Books, documents: Sequence[ErpDocument]
) -> tuple[Difference, ...]:
    approved = {report.report_id: report.approved_day for report in reports}
    shown = {f"{one.reference} {one.number}": one.posting_date for one in documents}

    def day_of(one: Difference) -> date | None:
        journal = books.journals.get(one.journal_key or "")
        day = journal.day if journal is not None else None
        return day or approved.get(one.report_id or "") or shown.get(one.document or "")

    return tuple(replace(one, day=day_of(one)) for one in differences)
