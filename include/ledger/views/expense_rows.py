"""Expenses as the page shows them: with what their journals, lines and reports say."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.bulk import batches
from include.ledger.views.journal_id import JournalId, these


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
class ReportTexts:
    """What a report and its submitter are called."""

    name: str | None
    employee_name: str | None
    employee_email: str | None


def report_of(row: sa.RowMapping) -> tuple[str, str, str]:
    """(target, tenant, report ID) of an expense."""
    return row["target"], row["tenant"], row["report_id"]


def report_texts(
    connection: sa.Connection, rows: Sequence[sa.RowMapping], visible: Collection[str] = ()
) -> dict[tuple[str, str, str], ReportTexts]:
    """What the reports of expenses are called, by (target, tenant, report ID) of the expense.

    A report keeps the tenant's name from before a renaming; ``visible`` are the names it may be found under.
    """
    wanted = {report_of(row) for row in rows}
    columns = tables.report.c
    query = sa.select(
        *(columns[name] for name in ("target", "tenant", "report_id", "name", "submitter_name", "submitter_email"))
    )
    found: dict[tuple[str, str, str], ReportTexts] = {}
    for target in sorted({target for target, _, _ in wanted}):
        ids = sorted({report_id for of, _, report_id in wanted if of == target})
        names = {tenant for of, tenant, _ in wanted if of == target} | set(visible)
        for some in batches(ids, 500):
            part = query.where(
                columns.target == target,
                columns.tenant.in_(sorted(names)),
                columns.report_id.in_(some),
            )
            for row in connection.execute(part):
                texts = ReportTexts(row.name, row.submitter_name, row.submitter_email)
                found[row.target, row.tenant, row.report_id] = texts
    by_id = {(target, report_id): texts for (target, _, report_id), texts in found.items()}
    return {one: found.get(one) or by_id[one[0], one[2]] for one in wanted if (one[0], one[2]) in by_id}


def describe(
    connection: sa.Connection,
    rows: Sequence[sa.RowMapping],
    visible: Collection[str],
) -> list[ExpenseRow]:
    """The rows of ``expense`` with everything around them, in their order."""
    names = list(dict.fromkeys(JournalId(row["tenant"], row["target"], row["journal_key"]) for row in rows))
    texts = report_texts(connection, rows, visible)
    journals, lines = _journals(connection, names), _lines(connection, names, rows)
    return [_row(row, texts.get(report_of(row)), journals, lines) for row in rows]


def _journals(connection: sa.Connection, names: Sequence[JournalId]) -> dict[JournalId, Any]:
    columns = tables.journal.c
    found: dict[JournalId, Any] = {}
    query = sa.select(
        *(columns[name] for name in ("tenant", "target", "journal_key", "state", "posting_date", "document_number")),
        columns.currency,
    )
    for some in batches(names, 500):
        for row in connection.execute(query.where(these(tables.journal, some))):
            found[JournalId(*row[:3])] = row
    return found


def _lines(
    connection: sa.Connection, names: Sequence[JournalId], rows: Sequence[sa.RowMapping]
) -> dict[tuple[JournalId, int], tuple[str, str]]:
    columns = tables.journal_line.c
    numbers = sorted({row["debit_line"] for row in rows if row["debit_line"] is not None})
    found: dict[tuple[JournalId, int], tuple[str, str]] = {}
    query = sa.select(*(columns[name] for name in ("tenant", "target", "journal_key", "line", "account", "rule")))
    for some in batches(names, 500):
        part = query.where(these(tables.journal_line, some))
        if len(numbers) <= 500:
            part = part.where(columns.line.in_(numbers))
        for tenant, target, key, line, account, rule in connection.execute(part):
            found[JournalId(tenant, target, key), line] = (account, rule)
    return found


def _row(
    row: sa.RowMapping,
    report: ReportTexts | None,
    journals: Mapping[JournalId, Any],
    lines: Mapping[tuple[JournalId, int], tuple[str, str]],
) -> ExpenseRow:
    name = JournalId(row["tenant"], row["target"], row["journal_key"])
    journal = journals.get(name)
    account, rule = lines.get((name, row["debit_line"]), (None, None))
    card = " ".join(filter(None, (row["bank"] or row["card_name"], row["card_last4"])))
    return ExpenseRow(
        transaction_id=row["transaction_id"],
        journal=name,
        state=journal.state if journal else None,
        posting_date=journal.posting_date if journal else None,
        document_number=journal.document_number if journal else None,
        report_id=row["report_id"],
        report_name=report.name if report else None,
        employee_name=report.employee_name if report else None,
        employee_email=report.employee_email if report else None,
        spent_on=row["spent_on"],
        merchant=row["merchant"],
        category=row["category"],
        tags=tuple(tag[0] for tag in row["tags"] or ()),
        amount_cents=row["amount_cents"],
        currency=journal.currency if journal else None,
        original_cents=row["modified_cents"] or row["original_cents"],
        original_currency=row["currency"],
        reimbursable=row["reimbursable"],
        card=card or None,
        tax_code=row["tax_code"],
        tax_cents=row["tax_cents"],
        debit_line=row["debit_line"],
        credit_line=row["credit_line"],
        account=account,
        rule=rule,
    )
