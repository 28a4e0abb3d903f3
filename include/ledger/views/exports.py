"""The lists as CSV for auditors: whole, in one consistent view of the ledger, a piece of text at a time.

Amounts are decimal text with two decimals (``-1240.50``), times ISO 8601 in UTC. Text that a spreadsheet would take for a formula
gets an apostrophe in front.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from include.ledger.database import Ledger
from include.ledger.views.expense_list import ExpenseFilter
from include.ledger.views.finding_list import FindingFilter
from include.ledger.views.journal_list import JournalFilter, Sort


def journals_csv(
    ledger: Ledger,
    tenants: Collection[str],
    where: JournalFilter = JournalFilter(),  # noqa: B008 - frozen
    sort: Sort = "posting_date",
    descending: bool = True,
) -> Iterator[str]:
    """The list of journals. Yields CSV text, the header first, some hundred rows at a time."""
    raise NotImplementedError


def expenses_csv(
    ledger: Ledger,
    tenants: Collection[str],
    where: ExpenseFilter = ExpenseFilter(),  # noqa: B008 - frozen
) -> Iterator[str]:
    """The list of expenses with the place of each."""
    raise NotImplementedError


def holds_csv(ledger: Ledger, tenants: Collection[str], only: Collection[str] = ()) -> Iterator[str]:
    """One row per cause."""
    raise NotImplementedError


def findings_csv(
    ledger: Ledger,
    tenants: Collection[str],
    where: FindingFilter = FindingFilter(),  # noqa: B008 - frozen
) -> Iterator[str]:
    """The list of findings."""
    raise NotImplementedError


def audit_walk_csv(
    ledger: Ledger,
    tenants: Collection[str],
    where: JournalFilter = JournalFilter(),  # noqa: B008 - frozen
) -> Iterator[str]:
    """One row per expense of the journals that match: journal, document number, line, account, amount, report, approvers."""
    raise NotImplementedError
