"""Where each report that was read belongs. Pure: from what was read and what the ledger holds to a plan.

A report stays in its journal as long as that is not frozen; a frozen journal never changes, and what changed in Expensify
afterwards becomes a finding. What is new goes to :mod:`include.ledger.opening`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime

from include.accounting.checks import control_total
from include.accounting.money import written
from include.accounting.reasons import Reason
from include.accounting.reports import ExpenseFacts, ReportFacts
from include.ledger.derivation import EMPTY, NOT_CLAIMED, Content
from include.ledger.journals import Journal
from include.ledger.opening import CARD, Opening
from include.ledger.plan import Found, Plan, Reading, Snapshot
from include.settings.tenant import Tenant

_AFTER_APPROVAL = ("REIMBURSED", "ARCHIVED")


def make_plan(reading: Reading, snapshot: Snapshot, tenant: Tenant, run_day: date) -> Plan:
    """Decide for every report read. See the module's rules."""
    return _Planner(reading, snapshot, tenant, run_day).plan()


class _Planner:
    def __init__(self, reading: Reading, snapshot: Snapshot, tenant: Tenant, run_day: date) -> None:
        self.reading = reading
        self.snapshot = snapshot
        self.tenant = tenant
        self.result = Plan()
        taken = {expense: claim for expense, claim in snapshot.claims.items() if not self._is_released(claim)}
        self._opening = Opening(self.result, snapshot, tenant, run_day, taken)

    def plan(self) -> Plan:
        for report_id in sorted(self.reading.absent):
            self._gone(report_id)
        # Who keeps what it had comes first: a second report with the same expense is then the one that is held.
        by_id = sorted(
            self.reading.read.values(), key=lambda report: (not self._is_unchanged(report), report.report_id)
        )
        new = [report for report in by_id if self._place(report)]
        self._opening.open_all(new)
        if self.tenant.expensify.control_total == "warn":
            self._tell_differing_totals()
        return self.result

    def _place(self, report: ReportFacts) -> bool:
        """Deal with a report that the ledger knows; true when it is to be claimed anew."""
        report_id = report.report_id
        if self.snapshot.members.get(report_id):
            return self._known(report)
        if not self._is_approved(report):
            self._not_taken(report)
            return False
        if not self._may_claim(report):
            return False
        former = self._reopenable(report_id)
        if former is None or not self._put(report, former):
            return True
        self.result.in_window += former
        return False

    def _is_approved(self, report: ReportFacts) -> bool:
        # A state that cannot be read says neither: silence would lose the report, so its own check holds it.
        return report.status is None or report.status in self.tenant.expensify.states

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
        parts = self._opening.parts(report)
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
            if keys and report.status in _AFTER_APPROVAL:
                self._find(
                    "left_unposted",
                    report,
                    keys[0],
                    f"It is {report.status} now, which `expensify.states` leaves out: it left {keys[0]} and is not posted",
                )
            self._leave(report_id, keys)
            self.result.updated[report_id] = report
        elif sent:
            self._put_open_part(report, sent, keys)
        elif self._is_unchanged(report):
            self._opening.claim(report, report.expenses, keys[0])
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
        if not journals and report_id in self.reading.named:
            message = (
                "The run was started for this report and Expensify gives none: check its ID, and that it is in one of the "
                "tenant's policies"
            )
            self.result.found.append(
                Found("not_in_expensify", report_id, None, message, f"not_in_expensify:{report_id}")
            )
        if not journals or not self._is_newer(report_id, self.reading.extracted_at):
            return
        sent = [journal for journal in journals if not _may_change(journal)]
        if sent:
            known = self.snapshot.reports[report_id]
            self._find(
                "deleted_after_posting", known, sent[0].key, "Expensify no longer gives this report, it is posted"
            )
        self._leave(report_id, [journal.key for journal in journals if _may_change(journal)])

    def _not_taken(self, report: ReportFacts) -> None:
        """A person asked for this report by name; silence would look like a posting."""
        if report.report_id in self.reading.named:
            states = ", ".join(self.tenant.expensify.states)
            self._find(
                "not_approved",
                report,
                None,
                f"The run was started for this report and it is {report.status}: only {states} reports are posted",
            )

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
        parts = self._opening.parts(replace(report, expenses=rest))
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
            conflict = self._opening.claim(report, rest, keys[0])
        for key in keys:
            content = self._content(key, without=report.report_id)
            self._opening.fill(content, report, parts.get(content.part, []), conflict)
        self.result.updated[report.report_id] = report

    def _find(self, kind: str, report: ReportFacts, journal_key: str | None, message: str) -> None:
        mark = f"{kind}:{report.report_id}:{report.fingerprint()}:{report.approved_day}:{report.status}"
        self.result.found.append(Found(kind, report.report_id, journal_key, message, mark))

    def _tell_differing_totals(self) -> None:
        """Where the tenant file only warns, a report is posted although its expenses do not add up to its total."""
        joined = {report_id: key for key, report_id in reversed(self.result.joined)}
        for report in self.result.updated.values():
            for reason in control_total(report) if self._is_approved(report) else ():
                known = next(iter(self.snapshot.members.get(report.report_id, ())), None)
                key = joined.get(report.report_id, known)
                mark = f"control_total:{report.report_id}:{report.fingerprint()}"
                self.result.found.append(Found("control_total", report.report_id, key, reason.message, mark))

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
        parts = self._opening.parts(report)
        conflict = self._opening.claim(report, report.expenses, journals[0].key)
        for journal in journals:
            content = self._content(journal.key, without=report.report_id)
            if not content.reports:
                content.day, content.currency = report.approved_day, report.currency
            self._opening.fill(content, report, parts.pop(journal.part, []), conflict)
        first = journals[0]
        for part, expenses in parts.items():
            stem = first.key.removesuffix("-C")
            key = f"{stem}-C" if part == CARD else stem
            content = self._opening.new_content(key, part, first.per, self.result.changed[first.key].day, report)
            self._opening.fill(content, report, expenses, conflict)
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
            and all(self._opening.is_paid(other) == self._opening.is_paid(report) for other in others)
        )


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
