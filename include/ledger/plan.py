"""Which reports a run books into which journals. Pure: from what was read and what the ledger holds to a plan.

A report is claimed whole. It stays in its journal as long as that is not frozen; a frozen journal never changes, and what
changed in Expensify afterwards becomes a finding. A day's journal never grows: a late report opens the day's next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from include.accounting.money import written
from include.accounting.reasons import Reason
from include.accounting.reports import ExpenseFacts, ReportFacts
from include.ledger.derivation import EMPTY, NOT_CLAIMED, Content, derive_contents
from include.ledger.journals import Journal
from include.settings.tenant import Tenant

MAIN, CARD = "main", "card"


@dataclass(frozen=True)
class Reading:
    """What a run has read from Expensify.

    ``wanted`` are the reports the run may claim; ``read`` all that came, the known ones for an update; ``absent`` were
    asked for by ID and did not come; ``labelled`` carry the tenant's export label already; ``too_early`` were
    approved before ``start_date``. ``extracted_at`` is the start of the export that did not bring the absent ones.
    """

    read: Mapping[str, ReportFacts]
    wanted: frozenset[str]
    absent: frozenset[str] = frozenset()
    labelled: frozenset[str] = frozenset()
    too_early: frozenset[str] = frozenset()
    extracted_at: datetime | None = None


@dataclass
class Snapshot:
    """What the ledger holds about the reports read, at one version of the company's claims."""

    version: int
    reports: dict[str, ReportFacts]
    fingerprints: dict[str, str]
    members: dict[str, list[str]]
    left: dict[str, list[str]]
    journals: dict[str, Journal]
    contents: dict[str, Content]
    claimed: dict[str, dict[str, list[ExpenseFacts]]]
    claims: dict[str, tuple[str, str, str]]
    last_number: dict[date, int]
    taken_references: frozenset[str]
    keys: frozenset[str]


@dataclass(frozen=True)
class Found:
    """A finding to be recorded once."""

    kind: str
    report_id: str
    journal_key: str | None
    message: str
    fingerprint: str


@dataclass
class Plan:
    """What is to be written. ``fresh`` are new journals, ``changed`` existing ones whose content is made anew."""

    fresh: dict[str, Content] = field(default_factory=dict)
    changed: dict[str, Content] = field(default_factory=dict)
    updated: dict[str, ReportFacts] = field(default_factory=dict)
    joined: list[tuple[str, str]] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    in_window: list[str] = field(default_factory=list)


def make_plan(reading: Reading, snapshot: Snapshot, tenant: Tenant, run_day: date) -> Plan:
    """Decide for every report read. See the module's rules."""
    return _Planner(reading, snapshot, tenant, run_day).plan()


class _Planner:
    def __init__(self, reading: Reading, snapshot: Snapshot, tenant: Tenant, run_day: date) -> None:
        self.reading = reading
        self.snapshot = snapshot
        self.tenant = tenant
        self.run_day = run_day
        self.result = Plan()
        self.owner = {
            transaction_id: claim for transaction_id, claim in snapshot.claims.items() if not self._is_released(claim)
        }
        self.references = set(snapshot.taken_references)
        self.keys = set(snapshot.keys)

    def plan(self) -> Plan:
        for report_id in sorted(self.reading.absent):
            self._gone(report_id)
        # Who keeps what it had comes first: a second report with the same expense is then the one that is held.
        by_id = sorted(
            self.reading.read.values(), key=lambda report: (not self._is_unchanged(report), report.report_id)
        )
        new = [report for report in by_id if self._place(report)]
        self._claim_new(new)
        return self.result

    def _place(self, report: ReportFacts) -> bool:
        """Deal with a report that the ledger knows; true when it is to be claimed anew."""
        report_id = report.report_id
        if self.snapshot.members.get(report_id):
            return self._known(report)
        if not self._is_approved(report) or not self._may_claim(report):
            return False
        former = self._reopenable(report_id)
        if former is None or not self._put(report, former):
            return True
        self.result.in_window += former
        return False

    def _is_approved(self, report: ReportFacts) -> bool:
        return report.status in self.tenant.expensify.states

    def _is_released(self, claim: tuple[str, str, str]) -> bool:
        """The claim belongs to a report that this plan reads afresh, in a journal that may still change."""
        tenant_name, report_id, key = claim
        if tenant_name not in self.tenant.names or key not in self.snapshot.journals:
            return False
        report = self.reading.read.get(report_id)
        if report is None and report_id not in self.reading.absent:
            return False
        at = report.extracted_at if report is not None else self.reading.extracted_at
        return self._is_newer(report_id, at) and _may_change(self.snapshot.journals[key])

    def _is_newer(self, report_id: str, at: datetime | None) -> bool:
        """An export that was started earlier than the one the ledger holds says nothing new."""
        known = self.snapshot.reports.get(report_id)
        return known is None or known.extracted_at is None or at is None or at > known.extracted_at

    def _is_unchanged(self, report: ReportFacts) -> bool:
        """Nothing about it differs from what the ledger holds, and all of it is claimed."""
        journals = self._journals_of(report.report_id)
        if not journals or not all(_may_change(journal) for journal in journals):
            return False
        parts = self._parts(report)
        for journal in journals:
            content = self.snapshot.contents[journal.key]
            if any(reason.report_id == report.report_id for reason in content.unclaimed):
                return False
            if _ids(content.expenses[report.report_id]) != _ids(parts.pop(journal.part, [])):
                return False
            held = next(item for item in content.reports if item.report_id == report.report_id)
            if _as_read(held) != _as_read(report):
                return False
        return not parts and self._is_approved(report)

    def _journals_of(self, report_id: str) -> list[Journal]:
        return [self.snapshot.journals[key] for key in self.snapshot.members.get(report_id, ())]

    def _may_claim(self, report: ReportFacts) -> bool:
        report_id = report.report_id
        was_ours = bool(self.snapshot.left.get(report_id))
        too_early = report.approved_day is not None and report.approved_day < self.tenant.start_date
        if report_id in self.reading.too_early or (was_ours and too_early):
            self._find(
                "before_start_date",
                report,
                None,
                f"Approved on {report.approved_day}, before `start_date` {self.tenant.start_date}: never posted",
            )
            return False
        if was_ours:
            # It left a journal of ours and has come back: no window has to ask for it again.
            return True
        if report_id not in self.reading.wanted:
            return False
        if report_id in self.reading.labelled:
            self._find(
                "already_exported",
                report,
                None,
                f"It carries the label '{self.tenant.expensify.mark_exported}' in Expensify and this ledger does not know "
                "it: it may have been posted elsewhere, so it is not posted. Remove it from the request, or settle it",
            )
            return False
        return True

    def _known(self, report: ReportFacts) -> bool:
        """True when the report left its journal and is to be claimed anew."""
        report_id = report.report_id
        if report_id in self.reading.wanted:
            self.result.in_window += self.snapshot.members[report_id]
        if not self._is_newer(report_id, report.extracted_at):
            return False
        journals = self._journals_of(report_id)
        sent = [journal for journal in journals if not _may_change(journal)]
        keys = [journal.key for journal in journals if _may_change(journal)]
        if sent:
            self._compare_with_posted(report, sent[0])
            keys += self._reopenable(report_id) or [] if self._is_approved(report) else []
        if not self._is_approved(report):
            self._leave(report_id, keys)
            self.result.updated[report_id] = report
        elif sent:
            self._put_open_part(report, sent, keys)
        elif self._is_unchanged(report):
            self._claim(report, report.expenses, keys[0])
            self.result.updated[report_id] = report
        elif not self._put(report, keys):
            self._leave(report_id, keys)
            return True
        return False

    def _leave(self, report_id: str, keys: Sequence[str]) -> None:
        for key in keys:
            self._content(key, without=report_id)
            self.result.left.append((key, report_id))

    def _gone(self, report_id: str) -> None:
        """The report was asked for by ID and Expensify gave none: it was deleted there, or moved out of sight."""
        journals = self._journals_of(report_id)
        if not journals or not self._is_newer(report_id, self.reading.extracted_at):
            return
        sent = [journal for journal in journals if not _may_change(journal)]
        if sent:
            known = self.snapshot.reports[report_id]
            self._find(
                "deleted_after_posting", known, sent[0].key, "Expensify no longer gives this report, it is posted"
            )
        self._leave(report_id, [journal.key for journal in journals if _may_change(journal)])

    def _compare_with_posted(self, report: ReportFacts, journal: Journal) -> None:
        known = self.snapshot.reports[report.report_id]
        now_is, was = report.fingerprint(), self.snapshot.fingerprints.get(report.report_id)
        if not was:
            # A person closed it before it was ever read: there is nothing to compare with.
            pass
        elif now_is != was:
            before, after = written(known.total_cents or 0), written(report.total_cents or 0, report.currency)
            self._find(
                "changed_after_posting",
                report,
                journal.key,
                f"Its expenses changed after journal {journal.key} was sent (total {before}, now {after}): correct it "
                "with a journal of your own in the ERP",
            )
        elif not self._is_approved(report):
            self._find(
                "unapproved_after_posting", report, journal.key, f"It is {report.status} now; it is in {journal.key}"
            )
        elif report.approved_at != known.approved_at or report.approved_day != known.approved_day:
            self._find("reapproved_after_posting", report, journal.key, f"Approved again on {report.approved_day}")
        elif report.status == known.status:
            return
        self.result.updated[report.report_id] = report

    def _put_open_part(self, report: ReportFacts, sent: Sequence[Journal], keys: Sequence[str]) -> None:
        """One part of the report is sent, the other not yet: that one is made anew, as long as the sent one still holds."""
        if not keys:
            return
        claimed = self.snapshot.claimed.get(report.report_id, {})
        booked = {fact.transaction_id: fact for journal in sent for fact in claimed.get(journal.key, ())}
        rest = [fact for fact in report.expenses if fact.transaction_id not in booked]
        read = {fact.transaction_id: fact for fact in report.expenses}
        open_parts = {self.snapshot.journals[key].part for key in keys}
        parts = self._parts(replace(report, expenses=rest))
        differs = any(
            fact.transaction_id not in read or _as_booked(read[fact.transaction_id]) != _as_booked(fact)
            for fact in booked.values()
        )
        if differs or any(expenses and part not in open_parts for part, expenses in parts.items()):
            conflict: Reason | None = Reason(
                NOT_CLAIMED,
                f"Another part of the report is in journal {sent[0].key}, which is sent, and has changed since",
                "Undo that change in Expensify and clear this task, or book the difference by hand and settle this journal",
                subject=sent[0].key,
                report_id=report.report_id,
                amount_cents=sum(fact.amount_cents or 0 for fact in rest),
                currency=report.currency,
            )
        else:
            conflict = self._claim(report, rest, keys[0])
        for key in keys:
            content = self._content(key, without=report.report_id)
            self._fill(content, report, parts.get(content.part, []), conflict)
        self.result.updated[report.report_id] = report

    def _find(self, kind: str, report: ReportFacts, journal_key: str | None, message: str) -> None:
        mark = f"{kind}:{report.report_id}:{report.fingerprint()}:{report.approved_day}:{report.status}"
        self.result.found.append(Found(kind, report.report_id, journal_key, message, mark))

    def _reopenable(self, report_id: str) -> list[str] | None:
        """Journals that the report left and that are closed for being empty: they come back under the same key."""
        former = [self.snapshot.journals[key] for key in self.snapshot.left.get(report_id, ())]
        empty = [journal.key for journal in former if journal.state == "closed" and journal.closed_because == EMPTY]
        # Where its main part went on with other reports, the card part alone is no place to return to.
        return empty if empty and len(empty) == len(former) else None

    def _content(self, key: str, without: str | None = None) -> Content:
        """The content of an existing journal, to be changed; ``without`` takes a report out."""
        if key not in self.result.changed:
            stored = self.snapshot.contents[key]
            self.result.changed[key] = replace(
                stored,
                reports=list(stored.reports),
                expenses=dict(stored.expenses),
                unclaimed=list(stored.unclaimed),
            )
        content = self.result.changed[key]
        if without is not None:
            content.reports = [report for report in content.reports if report.report_id != without]
            content.expenses.pop(without, None)
            content.unclaimed = [reason for reason in content.unclaimed if reason.report_id != without]
        return content

    def _put(self, report: ReportFacts, keys: Sequence[str]) -> bool:
        """Replace the report's rows in its own journals, or bring it back into those it left; false if it fits no longer."""
        journals = [self.snapshot.journals[key] for key in keys]
        if not all(self._fits(report, journal) for journal in journals):
            return False
        parts = self._parts(report)
        conflict = self._claim(report, report.expenses, journals[0].key)
        for journal in journals:
            content = self._content(journal.key, without=report.report_id)
            if not content.reports:
                content.day, content.currency = report.approved_day, report.currency
            self._fill(content, report, parts.pop(journal.part, []), conflict)
        first = journals[0]
        for part, expenses in parts.items():
            stem = first.key.removesuffix("-C")
            key = f"{stem}-C" if part == CARD else stem
            content = self._new_content(key, part, first.per, self.result.changed[first.key].day, report)
            self._fill(content, report, expenses, conflict)
        self.result.updated[report.report_id] = report
        return True

    def _fits(self, report: ReportFacts, journal: Journal) -> bool:
        """A day's journal holds one approval day, one currency and, for AP documents, either paid or unpaid reports."""
        stored = self.result.changed.get(journal.key) or self.snapshot.contents[journal.key]
        others = [other for other in stored.reports if other.report_id != report.report_id]
        if journal.per == "report" or not others:
            return True
        return (
            report.approved_day == stored.day
            and report.currency == stored.currency
            and all(self._is_paid(other) == self._is_paid(report) for other in others)
        )

    def _is_paid(self, report: ReportFacts) -> bool:
        """Whether it goes into a journal apart from those that are still owed."""
        return (
            self.tenant.erp.document_kind == "bill"
            and self.tenant.posting.credit.already_reimbursed is not None
            and report.already_reimbursed
        )

    def _parts(self, report: ReportFacts) -> dict[str, list[ExpenseFacts]]:
        """Which expenses go into the main journal and which into the card's own."""
        if self.tenant.company_card != "journal":
            return {MAIN: list(report.expenses)}
        parts: dict[str, list[ExpenseFacts]] = {}
        for expense in report.expenses:
            parts.setdefault(MAIN if expense.reimbursable else CARD, []).append(expense)
        return parts or {MAIN: []}

    def _claim(self, report: ReportFacts, expenses: Sequence[ExpenseFacts], key: str) -> Reason | None:
        """Claim all these expenses of the report, or none: why not."""
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
        for expense in expenses:
            self.owner[expense.transaction_id] = (self.tenant.name, report.report_id, key)
        return None

    def _is_own(self, claim: tuple[str, str, str], report: ReportFacts) -> bool:
        return claim[0] in self.tenant.names and claim[1] == report.report_id

    def _fill(
        self, content: Content, report: ReportFacts, expenses: list[ExpenseFacts], conflict: Reason | None
    ) -> None:
        content.reports.append(report)
        content.reports.sort(key=lambda item: item.report_id)
        if conflict is None:
            content.expenses[report.report_id] = expenses
        else:
            content.expenses[report.report_id] = []
            content.unclaimed.append(conflict)
        self.result.joined.append((content.key, report.report_id))

    def _new_content(self, key: str, part: str, per: str, day: date | None, report: ReportFacts) -> Content:
        stem, number = key, 1
        while key in self.keys:
            number += 1
            key = f"{stem}-{number}"
        self.keys.add(key)
        content = Content(key, part, per, day, report.currency, self._take_reference(key, per))
        self.result.fresh[key] = content
        return content

    def _take_reference(self, key: str, per: str) -> str | None:
        try:
            wanted = self.tenant.erp.reference(key, self.tenant.posting.reference_prefix, per)
        except ValueError:
            return None
        if wanted in self.references:
            return None
        self.references.add(wanted)
        return wanted

    def _claim_new(self, reports: list[ReportFacts]) -> None:
        for report in reports:
            self.result.updated[report.report_id] = report
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
        number = self.snapshot.last_number.get(day, 0) + 1
        self.snapshot.last_number[day] = number
        return f"{day:%Y%m%d}-{number}"

    def _open(self, key: str, per: str, day: date | None, reports: Iterable[ReportFacts]) -> None:
        """New journals for reports that belong together: the main one, and the card's own where asked for."""
        contents: dict[str, Content] = {}
        for report in reports:
            parts = self._parts(report)
            for part in parts:
                if part not in contents:
                    own = f"{key}-C" if part == CARD else key
                    contents[part] = self._new_content(own, part, per, day, report)
            conflict = self._claim(report, report.expenses, key)
            for part, expenses in parts.items():
                self._fill(contents[part], report, expenses, conflict)

    def _apart(self, reports: Sequence[ReportFacts]) -> set[str]:
        """Reports that get a journal of their own: not claimable, or bad where the tenant isolates bad ones."""
        apart = set()
        seen: dict[str, str] = {}
        for report in reports:
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
            groups.setdefault((report.currency or "", self._is_paid(report)), []).append(report)
        most = self.tenant.erp.max_lines
        listed = [group for _, group in sorted(groups.items())]
        return listed if most is None else [part for group in listed for part in self._split(group, most)]

    def _split(self, reports: list[ReportFacts], most: int) -> list[list[ReportFacts]]:
        def lines(group: list[ReportFacts]) -> int:
            trials = {part: Content(part, part, "day", None, None, "-", group) for part in (MAIN, CARD)}
            for report in group:
                for part, expenses in self._parts(report).items():
                    trials[part].expenses[report.report_id] = expenses
            outcomes = derive_contents(list(trials.values()), self.tenant, self.run_day).values()
            return max(sum(1 for line in outcome.derived.lines if line.amount_cents) for outcome in outcomes)

        if len(reports) < 2 or lines(reports) <= most:
            return [reports]
        half = len(reports) // 2
        return [*self._split(reports[:half], most), *self._split(reports[half:], most)]


def _may_change(journal: Journal) -> bool:
    """Neither sent nor decided by a person."""
    if journal.frozen or journal.state in ("posting", "posted", "conflict"):
        return False
    return journal.state != "closed" or journal.closed_because == EMPTY


def _ids(expenses: Iterable[ExpenseFacts]) -> list[str]:
    return sorted(fact.transaction_id for fact in expenses)


def _as_read(report: ReportFacts) -> ReportFacts:
    """Everything about it but when it was read."""
    expenses = sorted(report.expenses, key=lambda fact: fact.transaction_id)
    return replace(report, expenses=expenses, extracted_at=None)


def _as_booked(fact: ExpenseFacts) -> tuple[object, ...]:
    return (fact.amount_cents, fact.category, fact.tags, fact.reimbursable, fact.bank, fact.card_name)
