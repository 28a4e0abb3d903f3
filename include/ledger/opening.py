"""New journals: their keys and references, what goes together, and who has which expense.

A day's journal never grows: a late report opens the day's next one. A report is claimed whole or not at all.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from include.accounting.reasons import Reason
from include.accounting.reports import ExpenseFacts, ReportFacts
from include.ledger.derivation import NOT_CLAIMED, Content, derive_contents
from include.ledger.plan import Plan, Snapshot
from include.settings.tenant import Tenant

MAIN, CARD = "main", "card"
Claim = tuple[str, str, str]
"""Tenant, report ID and journal key of who has an expense."""


def wanted_reference(tenant: Tenant, key: str, per: str) -> str | None:
    """The reference of a journal in the ERP; ``None`` when the ERP cannot have one like that."""
    try:
        return tenant.erp.reference(key, tenant.posting.reference_prefix, per)
    except ValueError:
        return None


class Opening:
    """Opens journals in ``plan`` and keeps book of keys, references and claims while the plan is made.

    :param claims: who has which expense, without what the plan reads afresh.
    """

    def __init__(
        self, plan: Plan, snapshot: Snapshot, tenant: Tenant, run_day: date, claims: Mapping[str, Claim]
    ) -> None:
        self.result = plan
        self.tenant = tenant
        self.run_day = run_day
        self.owner = dict(claims)
        self.last_number = dict(snapshot.last_number)
        self.references: set[str] = set()
        self.keys = set(snapshot.keys)
        self._is_disputed = True

    def is_paid(self, report: ReportFacts) -> bool:
        """Whether it goes into a journal apart from those that are still owed."""
        return (
            self.tenant.erp.document_kind == "bill"
            and self.tenant.posting.credit.already_reimbursed is not None
            and report.already_reimbursed
        )

    def parts(self, report: ReportFacts) -> dict[str, list[ExpenseFacts]]:
        """Which expenses go into the main journal and which into the card's own."""
        if self.tenant.company_card != "journal":
            return {MAIN: list(report.expenses)}
        parts: dict[str, list[ExpenseFacts]] = {}
        for expense in report.expenses:
            parts.setdefault(MAIN if expense.reimbursable else CARD, []).append(expense)
        return parts or {MAIN: []}

    def claim(self, report: ReportFacts, expenses: Sequence[ExpenseFacts], key: str) -> Reason | None:
        """Claim all these expenses of the report, or none: why not."""
        ids = [expense.transaction_id for expense in expenses]
        if len(set(ids)) < len(ids) or not self.owner.keys().isdisjoint(ids):
            conflict = self._conflict(report, expenses)
            if conflict is not None:
                return conflict
        self.owner.update(dict.fromkeys(ids, (self.tenant.name, report.report_id, key)))
        return None

    def _conflict(self, report: ReportFacts, expenses: Sequence[ExpenseFacts]) -> Reason | None:
        counts = Counter(expense.transaction_id for expense in expenses)
        for expense in expenses:
            if counts[expense.transaction_id] > 1:
                return Reason(
                    NOT_CLAIMED,
                    f"Expense {expense.transaction_id} stands {counts[expense.transaction_id]} times in the report",
                    "Remove the duplicate in Expensify, then clear this task",
                    subject=expense.transaction_id,
                    report_id=report.report_id,
                    amount_cents=report.total_cents,
                    currency=report.currency,
                )
            claim = self.owner.get(expense.transaction_id)
            if claim is not None and not self._is_own(claim, report):
                tenant_name, other, other_key = claim
                where = "" if tenant_name in self.tenant.names else f" of tenant {tenant_name}"
                return Reason(
                    NOT_CLAIMED,
                    f"Expense {expense.transaction_id} is already booked with report {other} in journal {other_key}{where}",
                    "Remove it from one of the two reports in Expensify, or settle this journal, then clear this task",
                    subject=expense.transaction_id,
                    report_id=report.report_id,
                    amount_cents=expense.amount_cents,
                    currency=report.currency,
                )
        return None

    def _is_own(self, claim: tuple[str, str, str], report: ReportFacts) -> bool:
        return claim[0] in self.tenant.names and claim[1] == report.report_id

    def fill(
        self, content: Content, report: ReportFacts, expenses: list[ExpenseFacts], conflict: Reason | None
    ) -> None:
        """Put the report's expenses into a journal, or the reason why it has none of them."""
        insort(content.reports, report, key=lambda item: item.report_id)
        if conflict is None:
            content.expenses[report.report_id] = expenses
        else:
            content.expenses[report.report_id] = []
            content.unclaimed.append(conflict)
        self.result.joined.append((content.key, report.report_id))

    def new_content(self, key: str, part: str, per: str, day: date | None, report: ReportFacts) -> Content:
        """A new journal; a key that exists already gets a number."""
        stem, number = key, 1
        while key in self.keys:
            number += 1
            key = f"{stem}-{number}"
        self.keys.add(key)
        content = Content(key, part, per, day, report.currency, self._take_reference(key, per))
        self.result.fresh[key] = content
        return content

    def _take_reference(self, key: str, per: str) -> str | None:
        """The reference that the journal wants; the ledger is asked later whether it is free."""
        wanted = wanted_reference(self.tenant, key, per)
        if wanted is None or wanted in self.references:
            return None
        self.references.add(wanted)
        return wanted

    def open_all(self, reports: Sequence[ReportFacts]) -> None:
        """Claim reports that are in no journal; the last step of a plan."""
        for report in reports:
            self.result.updated[report.report_id] = report
        self._is_disputed = self._any_disputed(reports)
        if self.tenant.per == "report":
            for report in reports:
                self._open(report.report_id, "report", report.approved_day, [report])
            return
        undated = [report for report in reports if report.approved_day is None]
        days: dict[date, list[ReportFacts]] = {}
        for report in reports:
            if report.approved_day is not None:
                days.setdefault(report.approved_day, []).append(report)
        # In the order in which they will be claimed: whoever comes first has a shared expense.
        apart = self._apart([*(report for _, of_day in sorted(days.items()) for report in of_day), *undated])
        for day, of_day in sorted(days.items()):
            together = [report for report in of_day if report.report_id not in apart]
            for group in self._groups(together):
                self._open(self._next_key(day), "day", day, group)
            for report in of_day:
                if report.report_id in apart:
                    self._open(self._next_key(day), "day", day, [report])
        for report in undated:
            self._open(report.report_id, "report", None, [report])

    def _next_key(self, day: date) -> str:
        number = self.last_number.get(day, 0) + 1
        self.last_number[day] = number
        return f"{day:%Y%m%d}-{number}"

    def _open(self, key: str, per: str, day: date | None, reports: Iterable[ReportFacts]) -> None:
        """New journals for reports that belong together: the main one, and the card's own where asked for."""
        contents: dict[str, Content] = {}
        for report in reports:
            parts = self.parts(report)
            for part in parts:
                if part not in contents:
                    own = f"{key}-C" if part == CARD else key
                    contents[part] = self.new_content(own, part, per, day, report)
            # Where no expense is anybody else's, nobody has to be asked one by one.
            conflict = self.claim(report, report.expenses, key) if self._is_disputed else None
            for part, expenses in parts.items():
                self.fill(contents[part], report, expenses, conflict)

    def _any_disputed(self, reports: Sequence[ReportFacts]) -> bool:
        """Whether any expense stands twice in these reports, or belongs to somebody already."""
        ids = [expense.transaction_id for report in reports for expense in report.expenses]
        return len(set(ids)) < len(ids) or not self.owner.keys().isdisjoint(ids)

    def _apart(self, reports: Sequence[ReportFacts]) -> set[str]:
        """Reports that get a journal of their own: not claimable, or bad where the tenant isolates bad ones."""
        apart: set[str] = set()
        seen: dict[str, str] = {}
        for report in reports if self._is_disputed else ():
            for expense in report.expenses:
                claim = self.owner.get(expense.transaction_id)
                first = seen.setdefault(expense.transaction_id, report.report_id)
                if first != report.report_id or (claim is not None and not self._is_own(claim, report)):
                    apart.add(report.report_id)
            if len({expense.transaction_id for expense in report.expenses}) < len(report.expenses):
                apart.add(report.report_id)
        if self.tenant.hold.isolate:
            trial = [
                Content(report.report_id, MAIN, "day", report.approved_day, report.currency, "-", [report])
                for report in reports
            ]
            for content in trial:
                content.expenses = {content.key: content.reports[0].expenses}
            outcomes = derive_contents(trial, self.tenant, self.run_day)
            apart |= {key for key, outcome in outcomes.items() if outcome.reasons}
        return apart

    def _groups(self, reports: Sequence[ReportFacts]) -> list[list[ReportFacts]]:
        """One group per currency (and, for AP documents, per who is still owed), split where the ERP takes fewer lines."""
        groups: dict[tuple[str, bool], list[ReportFacts]] = {}
        for report in reports:
            groups.setdefault((report.currency or "", self.is_paid(report)), []).append(report)
        most = self.tenant.erp.max_lines
        listed = [group for _, group in sorted(groups.items())]
        return listed if most is None else [part for group in listed for part in self._split(group, most)]

    def _split(self, reports: list[ReportFacts], most: int) -> list[list[ReportFacts]]:
        def lines(group: list[ReportFacts]) -> int:
            trials = {part: Content(part, part, "day", None, None, "-", group) for part in (MAIN, CARD)}
            for report in group:
                for part, expenses in self.parts(report).items():
                    trials[part].expenses[report.report_id] = expenses
            outcomes = derive_contents(list(trials.values()), self.tenant, self.run_day).values()
            return max(sum(1 for line in outcome.derived.lines if line.amount_cents) for outcome in outcomes)

        if len(reports) < 2 or lines(reports) <= most:
            return [reports]
        half = len(reports) // 2
        return [*self._split(reports[:half], most), *self._split(reports[half:], most)]
