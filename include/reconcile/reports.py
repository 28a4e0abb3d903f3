"""Expensify against the ledger, report by report and expense by expense."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from include.accounting.money import written
from include.reconcile.sides import ApprovedReport, Booked, Books, Claimed, Difference, Rules, Spent

UNDER_WAY = ("drafted", "ready", "posting")
"""States that pass by themselves while the journal's run goes on."""
_MOST_CHANGES_TOLD = 3


@dataclass(frozen=True)
class ReportView:
    """A report on both sides, expense by expense; what the tenant excludes is left out.

    ``approved`` and ``claimed`` by transaction ID; ``journals`` are those it is in.
    """

    report_id: str
    report: ApprovedReport | None
    approved: Mapping[str, Spent]
    claimed: Mapping[str, Claimed]
    journals: tuple[Booked, ...]

    def of(self, transaction_id: str, books: Books) -> Booked | None:
        """The journal of an expense; a new one of the report belongs to the report's only journal, if it has but one."""
        found = self.claimed.get(transaction_id)
        if found is not None:
            return books.journals.get(found.journal_key)
        return self.journals[0] if len(self.journals) == 1 else None

    @property
    def currency(self) -> str:
        """The report's currency."""
        return self.report.currency if self.report else self.journals[0].currency if self.journals else ""


def views(reports: Sequence[ApprovedReport], books: Books, rules: Rules) -> list[ReportView]:
    """Every report that either side has, in order; without those approved before ``start_date`` that the ledger left alone."""
    by_id = {report.report_id: report for report in reports}
    claimed: dict[str, dict[str, Claimed]] = defaultdict(dict)
    journals: dict[str, dict[str, Booked]] = defaultdict(dict)
    for one in books.expenses:
        if not _is_excluded(one.spent, rules):
            claimed[one.report_id][one.spent.transaction_id] = one
        if one.journal_key in books.journals:
            journals[one.report_id][one.journal_key] = books.journals[one.journal_key]
    for journal in books.journals.values():
        for report_id in journal.report_ids:
            journals[report_id][journal.key] = journal
    found = []
    for report_id in sorted({*by_id, *journals}):
        report = by_id.get(report_id)
        known = tuple(journals[report_id][key] for key in sorted(journals.get(report_id, {})))
        too_early = report and report.approved_day and report.approved_day < rules.start_date
        if too_early and not known:
            continue
        approved = {}
        if report and not report.is_withdrawn:
            approved = {one.transaction_id: one for one in report.expenses if not _is_excluded(one, rules)}
        found.append(ReportView(report_id, report, approved, claimed.get(report_id, {}), known))
    return found


def _is_excluded(spent: Spent, rules: Rules) -> bool:
    return rules.excludes_cards and not spent.reimbursable


def compare_reports(found: Iterable[ReportView], books: Books, rules: Rules) -> list[Difference]:
    """All differences between Expensify and the ledger."""
    return [difference for view in found for difference in _compare(view, books, rules)]


def _compare(view: ReportView, books: Books, rules: Rules) -> Iterator[Difference]:
    if not view.journals:
        yield from _unknown(view)
        return
    yield from _unposted(view, books)
    yield from _changed(view, books)
    yield from _elsewhere(view, books)
    if rules.marks:
        yield from _unmarked(view)


def _unknown(view: ReportView) -> Iterator[Difference]:
    total = total_of(view.approved.values())
    # A report that books nothing is closed as soon as a run sees it; without money nobody misses it.
    if any(one.amount_cents != 0 for one in view.approved.values()):
        yield Difference(
            "not_posted",
            f"Report {view.report_id} over {written(total, view.currency)} is approved in Expensify, and the ledger does not "
            "know it",
            "Run the tenant's expenses DAG with this report under `report_ids`; if it was keyed by hand, close it with settle",
            view.currency,
            total,
            0,
            report_id=view.report_id,
        )


def _unposted(view: ReportView, books: Books) -> Iterator[Difference]:
    if not view.approved:
        # Withdrawn, deleted, or nothing to book: a journal that was never sent lets go of it by itself.
        return
    for journal in view.journals:
        if journal.state in ("posted", "closed") or is_under_way(journal):
            continue
        approved = [one for key, one in view.approved.items() if view.of(key, books) is journal]
        # A report that is held whole may have no expense of its own in the ledger.
        total = total_of(approved if approved or view.claimed else view.approved.values())
        yield Difference(
            "not_posted",
            f"Report {view.report_id}, {written(total, view.currency)} of journal {journal.key}, is not posted: {journal.state}"
            + (f" because {journal.because}" if journal.because else ""),
            "Do what the reason says, then clear the journal's load task, or settle it",
            view.currency,
            total,
            0,
            report_id=view.report_id,
            journal_key=journal.key,
        )


def is_under_way(journal: Booked) -> bool:
    """A run is about to post it."""
    return journal.in_live_run and journal.state in UNDER_WAY


def _changed(view: ReportView, books: Books) -> Iterator[Difference]:
    def counts(transaction_id: str) -> bool:
        journal = view.of(transaction_id, books)
        return journal is None or journal.state == "posted" or (journal.state == "closed" and not journal.is_settled)

    posted = [journal for journal in view.journals if journal.state == "posted"]
    closed = [journal for journal in view.journals if journal.state == "closed" and not journal.is_settled]
    if not posted and not closed:
        return
    approved = {key: one for key, one in view.approved.items() if counts(key)}
    claimed = {key: one.spent for key, one in view.claimed.items() if counts(key)}
    if not posted and not claimed and not any(one.amount_cents for one in approved.values()):
        return
    journal_key = (posted or closed)[0].key
    ours, theirs = total_of(claimed.values()), total_of(approved.values())
    if posted and (view.report is None or view.report.is_withdrawn):
        yield _gone(view, journal_key, ours)
        return
    if view.report is None:
        return
    changes = list(_changes(approved, claimed))
    if not changes and view.report.total_is_off and posted:
        changes = ["its total in Expensify is no longer the sum of its expenses"]
    if changes:
        more = f" and {len(changes) - _MOST_CHANGES_TOLD} more" if len(changes) > _MOST_CHANGES_TOLD else ""
        yield Difference(
            "changed",
            f"Report {view.report_id} was changed in Expensify after journal {journal_key} was "
            f"{'posted' if posted else 'closed'}: {'; '.join(changes[:_MOST_CHANGES_TOLD])}{more}",
            "Correct it in Expensify back, or void the document in the ERP and reissue the journal with settle",
            view.currency,
            theirs,
            ours,
            report_id=view.report_id,
            journal_key=journal_key,
        )


def _gone(view: ReportView, journal_key: str, posted_cents: int) -> Difference:
    amount = written(posted_cents, view.currency)
    if view.report is None:
        return Difference(
            "deleted",
            f"Report {view.report_id} is in Expensify no more (deleted, or out of the credentials' sight); journal {journal_key} "
            f"has posted {amount} of it",
            "Find out why it went; if the money is not owed, void the document in the ERP and close the journal with settle",
            view.currency,
            0,
            posted_cents,
            report_id=view.report_id,
            journal_key=journal_key,
        )
    return Difference(
        "withdrawn",
        f"Report {view.report_id} is {view.report.status} in Expensify; journal {journal_key} has posted {amount} of it",
        "Have it approved again unchanged, or void the document in the ERP and reissue the journal with settle",
        view.currency,
        0,
        posted_cents,
        report_id=view.report_id,
        journal_key=journal_key,
    )


def _changes(approved: Mapping[str, Spent], claimed: Mapping[str, Spent]) -> Iterator[str]:
    for key in sorted({*approved, *claimed}):
        now, then = approved.get(key), claimed.get(key)
        if now is None:
            yield f"expense {key} is gone"
        elif then is None:
            yield f"expense {key} is new"
        elif now.amount_cents != then.amount_cents:
            amount = "without an amount" if now.amount_cents is None else written(now.amount_cents)
            yield f"expense {key} is {amount} instead of {written(then.amount_cents or 0)}"
        elif now.category != then.category:
            yield f"expense {key} is in category '{now.category}' instead of '{then.category}'"
        elif now.reimbursable != then.reimbursable:
            yield f"expense {key} is {'' if now.reimbursable else 'not '}reimbursable now"


def _elsewhere(view: ReportView, books: Books) -> Iterator[Difference]:
    twice: dict[tuple[str, str], int] = defaultdict(int)
    for key, one in view.claimed.items():
        journal = books.journals.get(one.journal_key)
        if key in books.elsewhere and journal is not None and journal.state == "posted":
            twice[journal.key, books.elsewhere[key]] += one.spent.amount_cents or 0
    for (journal_key, other), cents in sorted(twice.items()):
        yield Difference(
            "posted_twice",
            f"Expenses of report {view.report_id} over {written(cents, view.currency)} are posted in journal {journal_key} and "
            f"in {other}",
            "Void one of the two documents in its ERP, and see that the two tenants do not share policies and days",
            view.currency,
            cents,
            2 * cents,
            report_id=view.report_id,
            journal_key=journal_key,
            document=other,
        )


def _unmarked(view: ReportView) -> Iterator[Difference]:
    if view.report is None or view.report.is_withdrawn or view.report.marked is not False:
        return
    if any(journal.in_live_run or journal.state not in ("posted", "closed") for journal in view.journals):
        return
    total = total_of(view.approved.values())
    yield Difference(
        "not_marked",
        f"Report {view.report_id} is done in the ledger and carries no export mark in Expensify",
        "Clear the acknowledge task of a run of this tenant; if the mark was taken off by hand, put it on again",
        view.currency,
        total,
        total,
        report_id=view.report_id,
    )


def total_of(expenses: Iterable[Spent]) -> int:
    """Their sum; what is not known counts as nothing."""
    return sum(one.amount_cents or 0 for one in expenses)
