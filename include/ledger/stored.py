"""Reports and expenses as rows, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any

import sqlalchemy as sa

from include.accounting.reports import ExpenseFacts, ReportFacts
from include.ledger import tables
from include.ledger.bulk import among
from include.ledger.journals import Scope


def report_row(scope: Scope, report: ReportFacts) -> dict[str, Any]:
    """The row of ``report``."""
    return {
        "tenant": scope.tenant,
        "target": scope.target,
        "report_id": report.report_id,
        "name": report.name,
        "submitter_email": report.submitter_email,
        "submitter_name": report.submitter_name,
        "approvers": list(report.approvers),
        "approved_at": report.approved_at,
        "approved_day": report.approved_day,
        "reimbursed_day": report.reimbursed_day,
        "status": report.status,
        "currency": report.currency,
        "total_cents": report.total_cents,
        "policy_id": report.policy_id,
        "policy_name": report.policy_name,
        "expense_count": len(report.expenses),
        "fingerprint": report.fingerprint(),
        "extracted_at": report.extracted_at,
        "defects": report.defects,
    }


EXPENSE_COLUMNS = (
    "target",
    "transaction_id",
    "tenant",
    "report_id",
    "journal_key",
    "debit_line",
    "credit_line",
    "amount_cents",
    "original_cents",
    "modified_cents",
    "converted_cents",
    "currency",
    "spent_on",
    "merchant",
    "category",
    "category_gl_code",
    "tags",
    "reimbursable",
    "bank",
    "card_name",
    "card_last4",
    "tax_code",
    "tax_cents",
)


def expense_rows(
    target: str,
    tenant: str,
    report_id: str,
    journal_key: str,
    facts: Iterable[ExpenseFacts],
    numbers: Iterable[tuple[int | None, int | None]],
    encode_day: Callable[[date | None], Any],
    encode_tags: Callable[[tuple[tuple[str, str | None], ...]], Any],
) -> Iterator[tuple[Any, ...]]:
    """The rows of ``expense``, the claims, of one report in one journal: values in the order of :data:`EXPENSE_COLUMNS`.

    :param numbers: the debit and credit line of each expense.
    :param encode_day: makes of ``spent_on`` what the database takes, as ``encode_tags`` does of ``tags``.
    """
    for fact, (debit_line, credit_line) in zip(facts, numbers, strict=True):
        yield (
            target,
            fact.transaction_id,
            tenant,
            report_id,
            journal_key,
            debit_line,
            credit_line,
            fact.amount_cents,
            fact.original_cents,
            fact.modified_cents,
            fact.converted_cents,
            fact.currency,
            encode_day(fact.spent_on),
            fact.merchant,
            fact.category,
            fact.category_gl_code,
            encode_tags(fact.tags),
            fact.reimbursable,
            fact.bank,
            fact.card_name,
            fact.card_last4,
            fact.tax_code,
            fact.tax_cents,
        )


def _expense(row: Any) -> ExpenseFacts:
    return ExpenseFacts(
        transaction_id=row["transaction_id"],
        amount_cents=row["amount_cents"],
        original_cents=row["original_cents"],
        modified_cents=row["modified_cents"],
        converted_cents=row["converted_cents"],
        currency=row["currency"],
        spent_on=row["spent_on"],
        merchant=row["merchant"],
        category=row["category"],
        category_gl_code=row["category_gl_code"],
        tags=tuple((tag[0], tag[1]) for tag in row["tags"] or ()),
        reimbursable=row["reimbursable"],
        bank=row["bank"],
        card_name=row["card_name"],
        card_last4=row["card_last4"],
        tax_code=row["tax_code"],
        tax_cents=row["tax_cents"],
    )


def reports(connection: sa.Connection, scope: Scope, report_ids: Iterable[str]) -> dict[str, ReportFacts]:
    """Reports without their expenses, by ID."""
    found: dict[str, ReportFacts] = {}
    columns = tables.report.c
    for named in among(connection, columns.report_id, report_ids):
        query = sa.select(tables.report).where(columns.target == scope.target, columns.tenant.in_(scope.names), named)
        for row in connection.execute(query).mappings():
            found[row["report_id"]] = ReportFacts(
                report_id=row["report_id"],
                status=row["status"],
                currency=row["currency"],
                total_cents=row["total_cents"],
                approved_day=row["approved_day"],
                approved_at=row["approved_at"],
                reimbursed_day=row["reimbursed_day"],
                name=row["name"],
                submitter_email=row["submitter_email"],
                submitter_name=row["submitter_name"],
                policy_id=row["policy_id"],
                policy_name=row["policy_name"],
                approvers=tuple(row["approvers"] or ()),
                defects=tuple(row["defects"] or ()),
                extracted_at=row["extracted_at"],
            )
    return found


def expenses(
    connection: sa.Connection, scope: Scope, report_ids: Iterable[str]
) -> dict[str, dict[str, list[ExpenseFacts]]]:
    """The claimed expenses of reports: report ID to journal key to expenses, in stable order."""
    found: dict[str, dict[str, list[ExpenseFacts]]] = {}
    columns = tables.expense.c
    for named in among(connection, columns.report_id, report_ids):
        query = (
            sa.select(tables.expense)
            .where(columns.target == scope.target, columns.tenant.in_(scope.names), named)
            .order_by(columns.transaction_id)
        )
        for row in connection.execute(query).mappings():
            found.setdefault(row["report_id"], {}).setdefault(row["journal_key"], []).append(_expense(row))
    return found


def memberships(
    connection: sa.Connection, scope: Scope, *, report_ids: Iterable[str] = (), journal_keys: Iterable[str] = ()
) -> list[tuple[str, str, bool]]:
    """(journal key, report ID, has left) of the named reports and of the named journals."""
    columns = tables.journal_report.c
    owner = sa.and_(columns.target == scope.target, columns.tenant.in_(scope.names))
    found: set[tuple[str, str, bool]] = set()
    for column, values in ((columns.report_id, report_ids), (columns.journal_key, journal_keys)):
        for named in among(connection, column, values):
            query = sa.select(columns.journal_key, columns.report_id, columns.left_at).where(owner, named)
            found |= {(key, report_id, left_at is not None) for key, report_id, left_at in connection.execute(query)}
    return sorted(found)


def expense_counts(connection: sa.Connection, scope: Scope, report_ids: Iterable[str]) -> dict[str, int]:
    """How many expenses each report had when it was last read."""
    found: dict[str, int] = {}
    columns = tables.report.c
    for named in among(connection, columns.report_id, report_ids):
        query = sa.select(columns.report_id, columns.expense_count).where(
            columns.target == scope.target, columns.tenant.in_(scope.names), named
        )
        found |= {report_id: count or 0 for report_id, count in connection.execute(query)}
    return found


def fingerprints(connection: sa.Connection, scope: Scope, report_ids: Iterable[str]) -> dict[str, str]:
    """The content of each report as last read, see :meth:`ReportFacts.fingerprint`."""
    found: dict[str, str] = {}
    columns = tables.report.c
    for named in among(connection, columns.report_id, report_ids):
        query = sa.select(columns.report_id, columns.fingerprint).where(
            columns.target == scope.target, columns.tenant.in_(scope.names), named
        )
        found |= {report_id: fingerprint or "" for report_id, fingerprint in connection.execute(query)}
    return found


def claims(connection: sa.Connection, target: str, transaction_ids: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """Who holds each expense in this company: transaction ID to (tenant, report ID, journal key)."""
    found: dict[str, tuple[str, str, str]] = {}
    columns = tables.expense.c
    for named in among(connection, columns.transaction_id, transaction_ids):
        query = sa.select(columns.transaction_id, columns.tenant, columns.report_id, columns.journal_key).where(
            columns.target == target, named
        )
        for transaction_id, tenant, report_id, key in connection.execute(query):
            found[transaction_id] = (tenant, report_id, key)
    return found
