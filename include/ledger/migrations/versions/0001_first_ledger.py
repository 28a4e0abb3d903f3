"""The first ledger."""

import sqlalchemy as sa
from alembic import op

from include.ledger.tables import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attempt",
        sa.Column(
            "attempt_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("journal_key", sa.Text(), nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("task_id", sa.Text(), nullable=True),
        sa.Column("map_index", sa.Integer(), nullable=True),
        sa.Column("try_number", sa.Integer(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=False),
        sa.Column("absent_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("raw_answer", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_attempt")),
    )
    op.create_index(
        op.f("ix_attempt_target_tenant_journal_key"), "attempt", ["target", "tenant", "journal_key"], unique=False
    )
    op.create_table(
        "cached_token",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("renewing_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cached_token")),
    )
    op.create_table(
        "claim_version",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("target", name=op.f("pk_claim_version")),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("journal_key", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("who", sa.Text(), nullable=True),
        sa.Column("dag_id", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("task_id", sa.Text(), nullable=True),
        sa.Column("map_index", sa.Integer(), nullable=True),
        sa.Column("try_number", sa.Integer(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index(
        op.f("ix_event_target_tenant_journal_key"), "event", ["target", "tenant", "journal_key"], unique=False
    )
    op.create_table(
        "expense",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("journal_key", sa.Text(), nullable=False),
        sa.Column("debit_line", sa.Integer(), nullable=True),
        sa.Column("credit_line", sa.Integer(), nullable=True),
        sa.Column("amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("original_cents", sa.BigInteger(), nullable=True),
        sa.Column("modified_cents", sa.BigInteger(), nullable=True),
        sa.Column("converted_cents", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("spent_on", sa.Date(), nullable=True),
        sa.Column("merchant", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("category_gl_code", sa.Text(), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=True),
        sa.Column("reimbursable", sa.Boolean(), nullable=False),
        sa.Column("bank", sa.Text(), nullable=True),
        sa.Column("card_name", sa.Text(), nullable=True),
        sa.Column("card_last4", sa.Text(), nullable=True),
        sa.Column("tax_code", sa.Text(), nullable=True),
        sa.Column("tax_cents", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("target", "transaction_id", name=op.f("pk_expense")),
    )
    op.create_index(
        op.f("ix_expense_target_tenant_journal_key"), "expense", ["target", "tenant", "journal_key"], unique=False
    )
    op.create_index(
        op.f("ix_expense_target_tenant_report_id"), "expense", ["target", "tenant", "report_id"], unique=False
    )
    op.create_table(
        "finding",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("report_id", sa.Text(), nullable=True),
        sa.Column("journal_key", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
        sa.UniqueConstraint("target", "tenant", "fingerprint", name=op.f("uq_finding_target_tenant_fingerprint")),
    )
    op.create_index(op.f("ix_finding_tenant_kind"), "finding", ["tenant", "kind"], unique=False)
    op.create_table(
        "journal",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("journal_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("per", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("approval_date", sa.Date(), nullable=True),
        sa.Column("first_posting_date", sa.Date(), nullable=True),
        sa.Column("posting_date", sa.Date(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("total_debit_cents", sa.BigInteger(), nullable=False),
        sa.Column("document_number", sa.Text(), nullable=True),
        sa.Column("erp_status", sa.Text(), nullable=True),
        sa.Column("posted_debit_cents", sa.BigInteger(), nullable=True),
        sa.Column("incomplete", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("content_hash", sa.Text(), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=True),
        sa.Column("frozen", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("derived_at", UtcDateTime(), nullable=True),
        sa.Column("checked_at", UtcDateTime(), nullable=True),
        sa.Column("posted_at", UtcDateTime(), nullable=True),
        sa.Column("closed_because", sa.Text(), nullable=True),
        sa.Column("announced", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("target", "tenant", "journal_key", name=op.f("pk_journal")),
        sa.UniqueConstraint("target", "reference", name=op.f("uq_journal_target_reference")),
    )
    op.create_index(
        op.f("ix_journal_target_tenant_approval_date"), "journal", ["target", "tenant", "approval_date"], unique=False
    )
    op.create_index(op.f("ix_journal_tenant_state"), "journal", ["tenant", "state"], unique=False)
    op.create_table(
        "journal_line",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("journal_key", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("dimensions", sa.JSON(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("target", "tenant", "journal_key", "line", name=op.f("pk_journal_line")),
    )
    op.create_index(op.f("ix_journal_line_tenant_account"), "journal_line", ["tenant", "account"], unique=False)
    op.create_table(
        "journal_report",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("journal_key", sa.Text(), nullable=False),
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("left_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("target", "tenant", "journal_key", "report_id", name=op.f("pk_journal_report")),
    )
    op.create_index(
        op.f("ix_journal_report_target_tenant_report_id"),
        "journal_report",
        ["target", "tenant", "report_id"],
        unique=False,
    )
    op.create_table(
        "limiter",
        sa.Column("budget", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.JSON(), nullable=False),
        sa.Column("paused_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("budget", name=op.f("pk_limiter")),
    )
    op.create_table(
        "reference_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("policy_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reference_change")),
    )
    op.create_index(op.f("ix_reference_change_tenant_at"), "reference_change", ["tenant", "at"], unique=False)
    op.create_table(
        "reference_read",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("read_until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("target", "tenant", name=op.f("pk_reference_read")),
    )
    op.create_table(
        "report",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("submitter_email", sa.Text(), nullable=True),
        sa.Column("submitter_name", sa.Text(), nullable=True),
        sa.Column("approvers", sa.JSON(), nullable=True),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("approved_day", sa.Date(), nullable=True),
        sa.Column("reimbursed_day", sa.Date(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("total_cents", sa.BigInteger(), nullable=True),
        sa.Column("policy_id", sa.Text(), nullable=True),
        sa.Column("policy_name", sa.Text(), nullable=True),
        sa.Column("expense_count", sa.Integer(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("extracted_at", UtcDateTime(), nullable=True),
        sa.Column("defects", sa.JSON(), nullable=True),
        sa.Column("exported_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("target", "tenant", "report_id", name=op.f("pk_report")),
    )
    op.create_index(op.f("ix_report_tenant_exported_at"), "report", ["tenant", "exported_at"], unique=False)
    op.create_table(
        "report_version",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("report_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("submitter_email", sa.Text(), nullable=True),
        sa.Column("submitter_name", sa.Text(), nullable=True),
        sa.Column("approvers", sa.JSON(), nullable=True),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("approved_day", sa.Date(), nullable=True),
        sa.Column("reimbursed_day", sa.Date(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("total_cents", sa.BigInteger(), nullable=True),
        sa.Column("policy_id", sa.Text(), nullable=True),
        sa.Column("policy_name", sa.Text(), nullable=True),
        sa.Column("expense_count", sa.Integer(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("extracted_at", UtcDateTime(), nullable=True),
        sa.Column("defects", sa.JSON(), nullable=True),
        sa.Column("expenses", sa.JSON(), nullable=True),
        sa.Column("replaced_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_version")),
    )
    op.create_index(
        op.f("ix_report_version_target_tenant_report_id"),
        "report_version",
        ["target", "tenant", "report_id"],
        unique=False,
    )
    op.create_table(
        "run",
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("window_from", UtcDateTime(), nullable=True),
        sa.Column("window_to", UtcDateTime(), nullable=True),
        sa.Column("lookback_from", UtcDateTime(), nullable=True),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("covered_at", UtcDateTime(), nullable=True),
        sa.Column("box_size", sa.Integer(), nullable=True),
        sa.Column("refreshing_until", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("dag_id", "run_id", name=op.f("pk_run")),
    )
    op.create_index(op.f("ix_run_tenant_covered_at"), "run", ["tenant", "covered_at"], unique=False)
    op.create_table(
        "run_journal",
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("journal_key", sa.Text(), nullable=False),
        sa.Column("checked_clear", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("dag_id", "run_id", "position", name=op.f("pk_run_journal")),
        sa.UniqueConstraint(
            "dag_id", "run_id", "tenant", "journal_key", name=op.f("uq_run_journal_dag_id_run_id_tenant_journal_key")
        ),
    )
    op.create_index(op.f("ix_run_journal_tenant_journal_key"), "run_journal", ["tenant", "journal_key"], unique=False)
