"""The ledger's tables. One SQL database is queue, lock and audit trail in one.

Amounts are integer cents, debit positive. Times are UTC. ``target`` is the ERP type plus host and company (or
``erp.target``), so that renaming a tenant or a host setting never frees a claim.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC time on every database (SQLite keeps no zone)."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the ledger takes times with a zone only")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Text = sa.Text


def _owner() -> list[sa.Column[Any]]:
    return [
        sa.Column("tenant", Text, nullable=False),
        sa.Column("target", Text, nullable=False),
    ]


run = sa.Table(
    "run",
    metadata,
    sa.Column("dag_id", Text, primary_key=True),
    sa.Column("run_id", Text, primary_key=True),
    *_owner(),
    sa.Column("mode", Text, nullable=False),
    sa.Column("window_from", UtcDateTime),
    sa.Column("window_to", UtcDateTime),
    sa.Column("lookback_from", UtcDateTime),
    sa.Column("dry_run", sa.Boolean, nullable=False, default=False),
    sa.Column("covered_at", UtcDateTime),
    sa.Column("box_size", sa.Integer),
    sa.Column("refreshing_until", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index(None, "tenant", "covered_at"),
    sa.Index(None, "tenant", "created_at", "dag_id", "run_id"),
    sa.Index(None, "created_at", "dag_id", "run_id"),
)

run_journal = sa.Table(
    "run_journal",
    metadata,
    sa.Column("dag_id", Text, primary_key=True),
    sa.Column("run_id", Text, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    *_owner(),
    sa.Column("journal_key", Text, nullable=False),
    sa.Column("checked_clear", sa.Integer),
    sa.UniqueConstraint("dag_id", "run_id", "tenant", "journal_key"),
    sa.Index(None, "tenant", "journal_key"),
)

_report_columns: list[tuple[str, Any]] = [
    ("report_id", Text),
    ("name", Text),
    ("submitter_email", Text),
    ("submitter_name", Text),
    ("approvers", sa.JSON),
    ("approved_at", UtcDateTime),
    ("approved_day", sa.Date),
    ("reimbursed_day", sa.Date),
    ("status", Text),
    ("currency", Text),
    ("total_cents", sa.BigInteger),
    ("policy_id", Text),
    ("policy_name", Text),
    ("expense_count", sa.Integer),
    ("fingerprint", Text),
    ("extracted_at", UtcDateTime),
    ("defects", sa.JSON),
]

report = sa.Table(
    "report",
    metadata,
    *_owner(),
    *(sa.Column(name, kind) for name, kind in _report_columns),
    sa.Column("exported_at", UtcDateTime),
    sa.PrimaryKeyConstraint("target", "tenant", "report_id"),
    sa.Index(None, "tenant", "exported_at"),
    sa.Index(None, "tenant", "submitter_email"),
)

report_version = sa.Table(
    "report_version",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    *_owner(),
    *(sa.Column(name, kind) for name, kind in _report_columns),
    sa.Column("expenses", sa.JSON),
    sa.Column("replaced_at", UtcDateTime, nullable=False),
    sa.Index(None, "target", "tenant", "report_id"),
)

journal_report = sa.Table(
    "journal_report",
    metadata,
    *_owner(),
    sa.Column("journal_key", Text, nullable=False),
    sa.Column("report_id", Text, nullable=False),
    sa.Column("left_at", UtcDateTime),
    sa.PrimaryKeyConstraint("target", "tenant", "journal_key", "report_id"),
    sa.Index(None, "target", "tenant", "report_id"),
    sa.Index(
        "ix_journal_report_left",
        *("target", "tenant", "journal_key"),
        sqlite_where=sa.text("left_at IS NOT NULL"),
        postgresql_where=sa.text("left_at IS NOT NULL"),
    ),
)

expense = sa.Table(
    "expense",
    metadata,
    sa.Column("target", Text, nullable=False),
    sa.Column("transaction_id", Text, nullable=False),
    sa.Column("tenant", Text, nullable=False),
    sa.Column("report_id", Text, nullable=False),
    sa.Column("journal_key", Text, nullable=False),
    sa.Column("debit_line", sa.Integer),
    sa.Column("credit_line", sa.Integer),
    sa.Column("amount_cents", sa.BigInteger),
    sa.Column("original_cents", sa.BigInteger),
    sa.Column("modified_cents", sa.BigInteger),
    sa.Column("converted_cents", sa.BigInteger),
    sa.Column("currency", Text),
    sa.Column("spent_on", sa.Date),
    sa.Column("merchant", Text),
    sa.Column("category", Text),
    sa.Column("category_gl_code", Text),
    sa.Column("tags", sa.JSON),
    sa.Column("reimbursable", sa.Boolean, nullable=False),
    sa.Column("bank", Text),
    sa.Column("card_name", Text),
    sa.Column("card_last4", Text),
    sa.Column("tax_code", Text),
    sa.Column("tax_cents", sa.BigInteger),
    sa.PrimaryKeyConstraint("target", "transaction_id"),
    sa.Index(None, "target", "tenant", "journal_key"),
    sa.Index(None, "target", "tenant", "report_id"),
)

journal = sa.Table(
    "journal",
    metadata,
    *_owner(),
    sa.Column("journal_key", Text, nullable=False),
    sa.Column("kind", Text, nullable=False),
    sa.Column("part", Text, nullable=False),
    sa.Column("per", Text, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("reference", Text),
    sa.Column("approval_date", sa.Date),
    sa.Column("first_posting_date", sa.Date),
    sa.Column("posting_date", sa.Date),
    sa.Column("currency", Text),
    sa.Column("total_debit_cents", sa.BigInteger, nullable=False, default=0),
    sa.Column("document_number", Text),
    sa.Column("erp_status", Text),
    sa.Column("posted_debit_cents", sa.BigInteger),
    sa.Column("incomplete", sa.Boolean, nullable=False, default=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("description", Text),
    sa.Column("content_hash", Text),
    sa.Column("payload", sa.JSON),
    sa.Column("frozen", sa.Boolean, nullable=False, default=False),
    sa.Column("revision", sa.Integer, nullable=False, default=0),
    sa.Column("attempt_id", Id),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("derived_at", UtcDateTime),
    sa.Column("checked_at", UtcDateTime),
    sa.Column("posted_at", UtcDateTime),
    sa.Column("closed_because", Text),
    sa.Column("announced", sa.Boolean, nullable=False, default=False),
    sa.PrimaryKeyConstraint("target", "tenant", "journal_key"),
    sa.UniqueConstraint("target", "reference"),
    sa.Index(None, "tenant", "state", "created_at"),
    sa.Index(None, "target", "tenant", "approval_date"),
    # The page's three orders, over one tenant and over all: what breaks a tie belongs to the index, so that a page is read off.
    *(
        sa.Index(f"ix_journal_{owner}{column}", *leading, column, "target", *trailing, "journal_key")
        for column in ("posting_date", "created_at", "total_debit_cents")
        for owner, leading, trailing in (("by_", (), ("tenant",)), ("tenant_", ("tenant",), ()))
    ),
)

journal_line = sa.Table(
    "journal_line",
    metadata,
    *_owner(),
    sa.Column("journal_key", Text, nullable=False),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("account", Text, nullable=False),
    sa.Column("dimensions", sa.JSON, nullable=False),
    sa.Column("amount_cents", sa.BigInteger, nullable=False),
    sa.Column("description", Text, nullable=False, default=""),
    sa.Column("rule", Text, nullable=False),
    sa.PrimaryKeyConstraint("target", "tenant", "journal_key", "line"),
    sa.Index(
        "ix_journal_line_tenant_account",
        *("tenant", "account", "target", "journal_key"),
        postgresql_ops={"account": "text_pattern_ops"},
    ),
)

attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column("attempt_id", Id, primary_key=True, autoincrement=True),
    *_owner(),
    sa.Column("journal_key", Text, nullable=False),
    sa.Column("dag_id", Text),
    sa.Column("run_id", Text),
    sa.Column("task_id", Text),
    sa.Column("map_index", sa.Integer),
    sa.Column("try_number", sa.Integer),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("lease_until", UtcDateTime, nullable=False),
    sa.Column("absent_at", UtcDateTime),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("outcome", Text),
    sa.Column("document", Text),
    sa.Column("raw_answer", Text),
    sa.Index(None, "target", "tenant", "journal_key"),
)

event = sa.Table(
    "event",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    *_owner(),
    sa.Column("journal_key", Text, nullable=False),
    sa.Column("from_state", Text),
    sa.Column("to_state", Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("who", Text),
    sa.Column("dag_id", Text),
    sa.Column("run_id", Text),
    sa.Column("task_id", Text),
    sa.Column("map_index", sa.Integer),
    sa.Column("try_number", sa.Integer),
    sa.Column("message", Text, nullable=False),
    sa.Index(None, "target", "tenant", "journal_key"),
)

limiter = sa.Table(
    "limiter",
    metadata,
    sa.Column("budget", Text, primary_key=True),
    sa.Column("taken_at", sa.JSON, nullable=False),
    sa.Column("paused_until", UtcDateTime),
)

finding = sa.Table(
    "finding",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    *_owner(),
    sa.Column("report_id", Text),
    sa.Column("journal_key", Text),
    sa.Column("kind", Text, nullable=False),
    sa.Column("message", Text, nullable=False),
    sa.Column("fingerprint", Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("settled_at", UtcDateTime),
    sa.UniqueConstraint("target", "tenant", "fingerprint"),
    sa.Index(None, "tenant", "kind"),
    sa.Index(None, "tenant", "id"),
    sa.Index(None, "tenant", "journal_key"),
)

claim_version = sa.Table(
    "claim_version",
    metadata,
    sa.Column("target", Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
)

cached_token = sa.Table(
    "cached_token",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("token", Text),
    sa.Column("renewing_until", UtcDateTime),
)

reference_change = sa.Table(
    "reference_change",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    *_owner(),
    sa.Column("dag_id", Text),
    sa.Column("run_id", Text),
    sa.Column("kind", Text, nullable=False),
    sa.Column("action", Text, nullable=False),
    sa.Column("policy_id", Text, nullable=False),
    sa.Column("subject", Text, nullable=False),
    sa.Column("reason", Text, nullable=False),
    sa.Column("applied", sa.Boolean, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index(None, "tenant", "at"),
)

reference_read = sa.Table(
    "reference_read",
    metadata,
    *_owner(),
    sa.Column("read_until", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("target", "tenant"),
)

journal_sums = sa.Table(
    "journal_sums",
    metadata,
    *_owner(),
    sa.Column("currency", Text, nullable=False),
    sa.Column("month", Text, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("unfinished", sa.Integer, nullable=False),
    sa.Column("journals", sa.BigInteger, nullable=False),
    sa.Column("cents", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("tenant", "target", "currency", "month", "state", "unfinished"),
)
"""Journals and their debit totals, kept by triggers; see :mod:`include.ledger.views.sums`."""

journal_sums_change = sa.Table(
    "journal_sums_change",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    *(sa.Column(column.name, column.type, nullable=False) for column in journal_sums.columns),
)
"""What has changed since the sums were last folded: appended by triggers, so that no writer waits for another."""

search_journal = sa.Table(
    "search_journal",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    *_owner(),
    sa.Column("journal_key", Text, nullable=False),
    sa.UniqueConstraint("target", "tenant", "journal_key"),
)
"""The journals whose words are in the search index; see :mod:`include.ledger.views.words`."""

search_word = sa.Table(
    "search_word",
    metadata,
    sa.Column("journal_id", Id, nullable=False),
    sa.Column("word", Text, nullable=False),
    sa.Column("tenant", Text, nullable=False),
    sa.PrimaryKeyConstraint("journal_id", "word"),
    sa.Index("ix_search_word_tenant_word", "tenant", "word", "journal_id", postgresql_ops={"word": "text_pattern_ops"}),
    sqlite_with_rowid=False,
)
"""The words by which a journal is found; ``journal_id`` is that of ``search_journal``."""

search_change = sa.Table(
    "search_change",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    *_owner(),
    sa.Column("journal_key", Text, nullable=False),
    sa.Index(None, "tenant", "id"),
)
"""Journals whose words may have changed since they were read: appended by triggers."""
