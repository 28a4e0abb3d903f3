"""The lists as CSV for auditors: whole, in one consistent view of the ledger, some hundred rows at a time.

Amounts are decimal text with two decimals (``-1240.50``), times ISO 8601 in UTC. Text that a spreadsheet would take for a formula
gets an apostrophe in front. The view is held until the generator ends or is closed: close it when the reader goes away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeVar

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.views.csv_text import cents, csv_text
from include.ledger.views.expense_list import EVERY_EXPENSE, ExpenseFilter, expense_page
from include.ledger.views.expense_rows import ExpenseRow, describe
from include.ledger.views.finding_list import EVERY_FINDING, FindingFilter, finding_page
from include.ledger.views.holds import hold_groups
from include.ledger.views.journal_id import JournalId, these
from include.ledger.views.journal_list import EVERY_JOURNAL, JournalFilter, JournalRow, Sort, journal_page
from include.ledger.views.ordering import Order
from include.ledger.views.paging import MOST_ROWS, Ask, Page, Place
from include.ledger.views.report_list import approvals

Row = TypeVar("Row")


def journals_csv(
    ledger: Ledger,
    tenants: Collection[str],
    where: JournalFilter = EVERY_JOURNAL,
    sort: Sort = "posting_date",
    descending: bool = True,
) -> Iterator[str]:
    """The list of journals. Yields CSV text, the header first."""
    header = (
        *("tenant", "target", "journal", "state", "kind", "approval date", "posting date", "total debit", "currency"),
        *(
            "reference",
            "document number",
            "status in the ERP",
            "unfinished in the ERP",
            "reports",
            "first reason",
            "claimed",
        ),
    )
    with ledger.read() as connection:
        pages = _pages(lambda ask: journal_page(connection, tenants, where, sort, descending, ask, counted=False))
        yield from csv_text(header, (map(_journal_cells, rows) for rows in pages))


def _pages(read: Callable[[Ask], Page[Row]]) -> Iterator[Sequence[Row]]:
    ask = Ask(MOST_ROWS)
    while True:
        page = read(ask)
        yield page.rows
        if page.next is None:
            return
        ask = Ask(MOST_ROWS, page.next)


def _journal_cells(row: JournalRow) -> Sequence[object]:
    return (
        *(row.id.tenant, row.id.target, row.id.key, row.state, row.kind, row.approval_date, row.posting_date),
        *(cents(row.total_cents), row.currency, row.reference, row.document_number, row.erp_status, row.unfinished),
        *(row.reports, row.reason, row.created_at),
    )


def expenses_csv(
    ledger: Ledger,
    tenants: Collection[str],
    where: ExpenseFilter = EVERY_EXPENSE,
) -> Iterator[str]:
    """The list of expenses with the place of each. Yields CSV text, the header first."""
    with ledger.read() as connection:
        pages = _pages(lambda ask: expense_page(connection, tenants, where, ask))
        yield from csv_text(_EXPENSE_HEADER, (map(_expense_cells, rows) for rows in pages))


_EXPENSE_HEADER = (
    *("tenant", "target", "expense", "report", "report name", "employee", "e-mail", "spent on", "merchant", "category"),
    *("tags", "amount", "currency", "amount entered", "currency entered", "reimbursable", "card", "tax code", "tax"),
    *("journal", "state", "posting date", "document number", "debit line", "credit line", "account", "rule"),
)


def _expense_cells(row: ExpenseRow) -> Sequence[object]:
    return (
        *(row.journal.tenant, row.journal.target, row.transaction_id, row.report_id, row.report_name),
        *(row.employee_name, row.employee_email, row.spent_on, row.merchant, row.category, " / ".join(row.tags)),
        *(cents(row.amount_cents), row.currency, cents(row.original_cents), row.original_currency, row.reimbursable),
        *(row.card, row.tax_code, cents(row.tax_cents), row.journal.key, row.state, row.posting_date),
        *(row.document_number, row.debit_line, row.credit_line, row.account, row.rule),
    )


def holds_csv(ledger: Ledger, tenants: Collection[str], only: Collection[str] = ()) -> Iterator[str]:
    """One row per cause. Yields CSV text, the header first."""
    header = (
        *("tenant", "target", "cause", "subject", "what is wrong", "what to change", "journals", "reports"),
        *("amount", "currency", "since"),
    )
    with ledger.read() as connection:
        groups = hold_groups(connection, set(tenants) & set(only) if only else tenants)
    rows = [
        (
            *(group.cause.tenant, group.cause.target, group.cause.code, group.cause.subject, group.message, group.fix),
            *(group.journals, group.reports, cents(group.cents), group.cause.currency, group.since),
        )
        for group in groups
    ]
    yield from csv_text(header, [rows])


def findings_csv(
    ledger: Ledger,
    tenants: Collection[str],
    where: FindingFilter = EVERY_FINDING,
) -> Iterator[str]:
    """The list of findings. Yields CSV text, the header first."""
    header = ("tenant", "target", "kind", "report", "journal", "message", "at", "settled at")
    with ledger.read() as connection:
        pages = _pages(lambda ask: finding_page(connection, tenants, where, ask))
        cells = (
            (row.tenant, row.target, row.kind, row.report_id, row.journal_key, row.message, row.at, row.settled_at)
            for rows in pages
            for row in rows
        )
        yield from csv_text(header, ([row] for row in cells))


def audit_walk_csv(
    ledger: Ledger,
    tenants: Collection[str],
    where: JournalFilter = EVERY_JOURNAL,
) -> Iterator[str]:
    """From each journal that matches to its expenses: one row per expense with document, line, account, amount, approvers.

    An expense's cents are in its debit line and, with the opposite sign, in its credit line. Yields CSV text, the header first.
    """
    header = (*_EXPENSE_HEADER, "credit account", "approved by", "report total", "report currency")
    with ledger.read() as connection:
        pages = _pages(lambda ask: journal_page(connection, tenants, where, "posting_date", False, ask, counted=False))
        batches = (_walk(connection, row.id, tenants) for rows in pages for row in rows)
        yield from csv_text(header, (rows for batch in batches for rows in batch))


def _walk(
    connection: sa.Connection, journal: JournalId, tenants: Collection[str]
) -> Iterator[Sequence[Sequence[object]]]:
    order = Order((tables.expense.c.transaction_id,))
    query = sa.select(tables.expense).where(these(tables.expense, [journal]))
    line = tables.journal_line
    lines = sa.select(line.c.line, line.c.account).where(these(line, [journal]))
    accounts = {row.line: row.account for row in connection.execute(lines)}
    place: Place | None = None
    while True:
        rows = connection.execute(order.cut(query, True, place, False).limit(MOST_ROWS)).mappings().all()
        reports = _reports(connection, journal, rows, tenants)
        yield [
            (
                *_expense_cells(row),
                accounts.get(row.credit_line) if row.credit_line is not None else None,
                *reports.get(row.report_id, (None, None, None)),
            )
            for row in describe(connection, rows, tenants)
        ]
        if len(rows) < MOST_ROWS:
            return
        place = Place((rows[-1]["transaction_id"],))


def _reports(
    connection: sa.Connection, journal: JournalId, rows: Sequence[sa.RowMapping], tenants: Collection[str]
) -> Mapping[str, tuple[object, ...]]:
    """Approvers, total and currency of the reports behind some expenses."""
    columns = tables.report.c
    query = (
        sa.select(columns.report_id, columns.approvers, columns.total_cents, columns.currency)
        .where(
            columns.target == journal.target,
            columns.tenant.in_(sorted(tenants)),
            columns.report_id.in_(sorted({row["report_id"] for row in rows})),
        )
        # The journal's own tenant last, so that its row wins over one from before a renaming.
        .order_by(columns.tenant == journal.tenant)
    )
    return {
        report_id: (
            "; ".join(f"{one.who} {one.at}" if one.at else one.who for one in approvals(approvers)),
            cents(total),
            currency,
        )
        for report_id, approvers, total, currency in connection.execute(query)
    }
