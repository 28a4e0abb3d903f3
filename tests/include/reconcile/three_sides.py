"""Three sides that agree, built by hand from a list of reports, for tests to disturb."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from include.erps.port import DocumentList, Draft, ErpDocument, Line
from include.reconcile.comparison import Comparison, compare
from include.reconcile.sides import ApprovedReport, Booked, Books, Claimed, Rules, Spent

DAY = date(2025, 11, 2)
START = date(2025, 11, 1)


@dataclass
class ThreeSides:
    """Mutable on purpose: a test takes one thing away from one side."""

    reports: dict[str, ApprovedReport]
    journals: dict[str, Booked]
    expenses: list[Claimed]
    documents: list[ErpDocument]
    rules: Rules
    elsewhere: dict[str, str] | None = None
    references: frozenset[str] = frozenset()

    def compared(self) -> Comparison:
        books = Books(self.journals, tuple(self.expenses), self.references, self.elsewhere or {})
        return compare(list(self.reports.values()), books, DocumentList(tuple(self.documents)), self.rules)

    def journal(self, key: str, **changes: object) -> None:
        self.journals[key] = replace(self.journals[key], **changes)  # type: ignore[arg-type]

    def report(self, report_id: str, **changes: object) -> None:
        self.reports[report_id] = replace(self.reports[report_id], **changes)  # type: ignore[arg-type]

    def document(self, at: int, **changes: object) -> None:
        self.documents[at] = replace(self.documents[at], **changes)  # type: ignore[arg-type]


def agreeing(*amounts: tuple[int, ...], per_journal: int = 1, marks: bool = False) -> ThreeSides:
    """Reports R0, R1 ... with one expense per amount, ``per_journal`` of them in each journal J0, J1 ..., all posted."""
    reports: dict[str, ApprovedReport] = {}
    expenses: list[Claimed] = []
    of_journal: dict[str, list[str]] = {}
    for number, cents in enumerate(amounts):
        report_id, key = f"R{number}", f"J{number // per_journal}"
        spent = tuple(
            Spent(f"{report_id}-{at}", amount, "Meals" if at % 2 else "Airfare", at % 3 != 2)
            for at, amount in enumerate(cents)
        )
        reports[report_id] = ApprovedReport(report_id, "APPROVED", "USD", DAY, spent, True if marks else None)
        expenses += [Claimed(one, report_id, key) for one in spent]
        of_journal.setdefault(key, []).append(report_id)
    journals, documents = {}, []
    for key, report_ids in of_journal.items():
        net = sum(one.spent.amount_cents or 0 for one in expenses if one.journal_key == key)
        lines = (Line(1, "6100", net), Line(2, "2150", -net)) if net else (Line(1, "6100", 1), Line(2, "6200", -1))
        draft = Draft(key, f"EXP-{key}", "journal", "USD", DAY, DAY, "", lines, tuple(report_ids))
        journals[key] = Booked(key, "posted", draft.reference, "USD", tuple(report_ids), DAY, draft, f"2025/{key}")
        documents.append(document_of(draft, f"2025/{key}"))
    return ThreeSides(reports, journals, expenses, documents, Rules(START, marks=marks))


def document_of(draft: Draft, number: str) -> ErpDocument:
    return ErpDocument(
        number,
        draft.control_total_cents,
        draft.currency,
        draft.posting_date,
        tuple((line.account, line.amount_cents) for line in draft.sent_lines),
        reference=draft.reference,
    )
