"""The other way round: where is this expense, where is this report?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from include.ledger.database import Ledger
from include.ledger.views.journal_list import JournalId
from include.ledger.views.paging import Ask, Page


@dataclass(frozen=True)
class Approval:
    """One step of a report's approval chain, as Expensify tells it; ``at`` is Expensify's own text (UTC or a calendar day)."""

    who: str
    at: str | None


@dataclass(frozen=True)
class ExpenseFilter:
    """All given conditions must hold; empty ones are no condition.

    ``text`` matches the beginning of a transaction ID, report ID or merchant (whatever the case of A to Z), and any part of a
    submitter's name or e-mail.
    """

    tenants: tuple[str, ...] = ()
    text: str | None = None
    report_id: str | None = None
    transaction_id: str | None = None


@dataclass(frozen=True)
class ExpenseRow:
    """One expense and where it is. ``amount_cents`` is signed (spend positive) in ``currency``, the journal's.

    ``original_cents`` in ``original_currency`` is what was entered. ``debit_line`` and ``credit_line`` are line numbers of the
    journal; ``account`` and ``rule`` those of the debit line (``rule``: what mapped it). ``tags`` are the levels' names.
    """

    transaction_id: str
    journal: JournalId
    state: str | None
    posting_date: date | None
    document_number: str | None
    report_id: str
    report_name: str | None
    employee_name: str | None
    employee_email: str | None
    spent_on: date | None
    merchant: str | None
    category: str | None
    tags: tuple[str, ...]
    amount_cents: int | None
    currency: str | None
    original_cents: int | None
    original_currency: str | None
    reimbursable: bool
    card: str | None
    tax_code: str | None
    tax_cents: int | None
    debit_line: int | None
    credit_line: int | None
    account: str | None
    rule: str | None


@dataclass(frozen=True)
class ReportFilter:
    """All given conditions must hold; empty ones are no condition.

    ``text`` matches the beginning of a report's ID or name (whatever the case of A to Z), and any part of the submitter's name or
    e-mail.
    """

    tenants: tuple[str, ...] = ()
    text: str | None = None
    report_id: str | None = None


@dataclass(frozen=True)
class ReportPlace:
    """A journal that a report is in; ``left_at`` is set when it is there no more."""

    journal: JournalId
    state: str
    posting_date: date | None
    document_number: str | None
    left_at: datetime | None


@dataclass(frozen=True)
class ReportRow:
    """One report and the journals it is in. ``exported_at``: when it was marked in Expensify."""

    tenant: str
    target: str
    report_id: str
    name: str | None
    employee_name: str | None
    employee_email: str | None
    approvals: tuple[Approval, ...]
    approved_day: date | None
    status: str | None
    total_cents: int | None
    currency: str | None
    policy_name: str | None
    expenses: int
    exported_at: datetime | None
    places: tuple[ReportPlace, ...]


def expenses(
    ledger: Ledger,
    tenants: Collection[str],
    where: ExpenseFilter = ExpenseFilter(),  # noqa: B008 - frozen
    ask: Ask = Ask(),  # noqa: B008 - frozen
) -> Page[ExpenseRow]:
    """One page of expenses, by target and transaction ID.

    :param tenants: the tenants that may be seen, earlier names included; nothing else is read.
    :raises WrongCursor: ``ask.cursor`` is not one of this list.
    """
    raise NotImplementedError


def reports(
    ledger: Ledger,
    tenants: Collection[str],
    where: ReportFilter = ReportFilter(),  # noqa: B008 - frozen
    ask: Ask = Ask(),  # noqa: B008 - frozen
) -> Page[ReportRow]:
    """One page of reports, by target and report ID, each with every journal it is or was in.

    :param tenants: the tenants that may be seen, earlier names included; nothing else is read.
    :raises WrongCursor: ``ask.cursor`` is not one of this list.
    """
    raise NotImplementedError
