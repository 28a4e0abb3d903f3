"""One journal with all that made it and all that happened to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from include.accounting.reasons import Reason
from include.ledger.database import Ledger
from include.ledger.views.expense_list import ExpenseRow, ReportRow
from include.ledger.views.finding_list import FindingRow
from include.ledger.views.journal_list import JournalId, JournalRow
from include.ledger.views.paging import Ask, Page
from include.ledger.views.replaying import Box

MOST_EVENTS = 500


@dataclass(frozen=True)
class TaskInstance:
    """The Airflow task instance that did something; ``None`` fields where a person or a test did it."""

    dag_id: str | None
    run_id: str | None
    task_id: str | None
    map_index: int | None
    try_number: int | None


@dataclass(frozen=True)
class LineRow:
    """One line; ``amount_cents`` debit positive. ``rule`` says what mapped it. ``expenses`` is their number on this line."""

    number: int
    account: str
    dimensions: Mapping[str, str]
    amount_cents: int
    description: str
    rule: str
    expenses: int


@dataclass(frozen=True)
class EventRow:
    """One step in the journal's life; ``who`` is a person's name, else ``task`` did it."""

    at: datetime
    from_state: str | None
    to_state: str
    who: str | None
    message: str
    task: TaskInstance


@dataclass(frozen=True)
class AttemptRow:
    """One try to create the document in the ERP; ``document`` and ``raw_answer`` are what was sent and came back."""

    attempt_id: int
    task: TaskInstance
    started_at: datetime
    sent_at: datetime | None
    lease_until: datetime
    ended_at: datetime | None
    outcome: str | None
    document: str | None
    raw_answer: str | None


@dataclass(frozen=True)
class RelatedJournal:
    """Another journal of the same day or report: its card part (``-C``), a reissue or later correction (``-2``), their origin."""

    id: JournalId
    state: str
    document_number: str | None
    total_cents: int
    currency: str | None


@dataclass(frozen=True)
class JournalDetail:
    """``row`` is the journal as the list shows it; ``reports`` the first reports in it (all: :func:`journal_reports`).

    ``events`` oldest first, ``attempts`` newest first, at most the 500 newest of each. ``boxes``: what to clear to replay it.
    """

    row: JournalRow
    description: str
    part: str
    per: str
    frozen: bool
    revision: int
    posted_debit_cents: int | None
    derived_at: datetime | None
    checked_at: datetime | None
    posted_at: datetime | None
    closed_because: str | None
    reasons: tuple[Reason, ...]
    lines: tuple[LineRow, ...]
    reports: Page[ReportRow]
    events: tuple[EventRow, ...]
    attempts: tuple[AttemptRow, ...]
    findings: tuple[FindingRow, ...]
    related: tuple[RelatedJournal, ...]
    boxes: tuple[Box, ...]


def journal(ledger: Ledger, tenants: Collection[str], tenant: str, target: str, key: str) -> JournalDetail | None:
    """The journal; ``None`` when there is none, or its tenant is not among those that may be seen."""
    raise NotImplementedError


def journal_expenses(
    ledger: Ledger,
    tenants: Collection[str],
    tenant: str,
    target: str,
    key: str,
    line: int | None = None,
    ask: Ask = Ask(200),  # noqa: B008 - frozen
) -> Page[ExpenseRow]:
    """The expenses behind a journal, or behind one line of it (debit or credit side), by transaction ID.

    :raises WrongCursor: ``ask.cursor`` is not one of this list.
    """
    raise NotImplementedError


def journal_reports(
    ledger: Ledger,
    tenants: Collection[str],
    tenant: str,
    target: str,
    key: str,
    ask: Ask = Ask(200),  # noqa: B008 - frozen
) -> Page[ReportRow]:
    """The reports of a journal by ID, those that left it last (see their ``places``).

    :raises WrongCursor: ``ask.cursor`` is not one of this list.
    """
    raise NotImplementedError
