"""What the ledger page reads: orders, sums and search, kept by the database itself whoever writes a journal."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ORDERS = ("posting_date", "created_at", "total_debit_cents")

# Created, and not yet posted there when the ERP was last asked. IFS tells the status of vouchers in its hold table only.
UNFINISHED = """CASE WHEN {row}.state = 'posted' AND ({row}.incomplete
    OR (substr({row}.target, 1, 10) = 'ifs_cloud:' AND {row}.erp_status IS NOT NULL)
    OR lower({row}.erp_status) IN ('u', 'unposted', 'work', 'balanced', 'hold', 'on hold', 'pending approval'))
    THEN 1 ELSE 0 END"""
MONTH = {
    "sqlite": "substr(coalesce({row}.posting_date, {row}.approval_date, {row}.created_at), 1, 7)",
    "postgresql": "to_char(coalesce({row}.posting_date, {row}.approval_date, "
    "CAST({row}.created_at AT TIME ZONE 'UTC' AS date)), 'YYYY-MM')",
}
SUMMED = (
    "tenant",
    "target",
    "currency",
    "posting_date",
    "approval_date",
    "total_debit_cents",
    "state",
    "incomplete",
    "erp_status",
)
SEARCHED = ("revision", "reference", "document_number")
NAMED = ("name", "submitter_name", "submitter_email")


def upgrade() -> None:
    op.drop_index("ix_journal_tenant_state", "journal")
    op.create_index("ix_journal_tenant_state_created_at", "journal", ["tenant", "state", "created_at"])
    for column in ORDERS:
        op.create_index(f"ix_journal_by_{column}", "journal", [column, "target", "tenant", "journal_key"])
        op.create_index(f"ix_journal_tenant_{column}", "journal", ["tenant", column, "target", "journal_key"])
    op.create_index("ix_run_tenant_created_at_dag_id_run_id", "run", ["tenant", "created_at", "dag_id", "run_id"])
    op.create_index("ix_run_created_at_dag_id_run_id", "run", ["created_at", "dag_id", "run_id"])
    op.create_index("ix_report_tenant_submitter_email", "report", ["tenant", "submitter_email"])
    op.create_index("ix_finding_tenant_id", "finding", ["tenant", "id"])
    op.create_index("ix_finding_tenant_journal_key", "finding", ["tenant", "journal_key"])
    op.create_index(
        "ix_journal_report_left",
        "journal_report",
        ["target", "tenant", "journal_key"],
        sqlite_where=sa.text("left_at IS NOT NULL"),
        postgresql_where=sa.text("left_at IS NOT NULL"),
    )
    op.drop_index("ix_journal_line_tenant_account", "journal_line")
    op.create_index(
        "ix_journal_line_tenant_account",
        "journal_line",
        ["tenant", "account", "target", "journal_key"],
        postgresql_ops={"account": "text_pattern_ops"},
    )
    _create_tables()
    dialect = op.get_bind().dialect.name
    for statement in _sqlite() if dialect == "sqlite" else _postgresql():
        op.get_bind().exec_driver_sql(statement.replace("%", "%%") if dialect == "postgresql" else statement)
    _fill(dialect)


def _create_tables() -> None:
    op.create_table(
        "journal_sums",
        *_sums_columns(),
        sa.PrimaryKeyConstraint(
            "tenant", "target", "currency", "month", "state", "unfinished", name=op.f("pk_journal_sums")
        ),
    )
    op.create_table(
        "journal_sums_change",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        *_sums_columns(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_sums_change")),
    )
    op.create_table(
        "search_journal",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("journal_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_journal")),
        sa.UniqueConstraint(
            "target", "tenant", "journal_key", name=op.f("uq_search_journal_target_tenant_journal_key")
        ),
    )
    op.create_table(
        "search_word",
        sa.Column("journal_id", ID, nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("journal_id", "word", name=op.f("pk_search_word")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_search_word_tenant_word",
        "search_word",
        ["tenant", "word", "journal_id"],
        postgresql_ops={"word": "text_pattern_ops"},
    )
    op.create_table(
        "search_change",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("journal_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_change")),
    )
    op.create_index("ix_search_change_tenant_id", "search_change", ["tenant", "id"])


def _sums_columns() -> list[sa.Column[Any]]:
    texts = [sa.Column(name, sa.Text(), nullable=False) for name in ("tenant", "target", "currency", "month", "state")]
    counts = [sa.Column(name, sa.BigInteger(), nullable=False) for name in ("journals", "cents")]
    return [*texts, sa.Column("unfinished", sa.Integer(), nullable=False), *counts]


def _values(row: str, dialect: str, sign: str) -> str:
    month, unfinished = MONTH[dialect].format(row=row), UNFINISHED.format(row=row)
    return (
        f"{row}.tenant, {row}.target, coalesce({row}.currency, ''), {month}, {row}.state, {unfinished}, "
        f"{sign}1, {sign}{row}.total_debit_cents"
    )


CHANGE = "INSERT INTO journal_sums_change (tenant, target, currency, month, state, unfinished, journals, cents) "
# Appended, never updated: no writer of the ledger waits for another, or for whoever reads the words.
WORDS_CHANGED = (
    "INSERT INTO search_change (tenant, target, journal_key) VALUES (NEW.tenant, NEW.target, NEW.journal_key)"
)
NAMES_CHANGED = (
    "INSERT INTO search_change (tenant, target, journal_key) SELECT tenant, target, journal_key FROM journal_report "
    "WHERE target = NEW.target AND tenant = NEW.tenant AND report_id = NEW.report_id"
)
FORGET_WORDS = (
    "DELETE FROM search_word WHERE journal_id = (SELECT id FROM search_journal "
    "WHERE target = OLD.target AND tenant = OLD.tenant AND journal_key = OLD.journal_key)"
)
FORGET = (
    "DELETE FROM search_journal WHERE target = OLD.target AND tenant = OLD.tenant AND journal_key = OLD.journal_key"
)


def _differs(columns: tuple[str, ...], operator: str) -> str:
    return " OR ".join(f"OLD.{column} {operator} NEW.{column}" for column in columns)


def _sqlite() -> list[str]:
    added, removed = (CHANGE + f"SELECT {_values(row, 'sqlite', sign)}" for row, sign in (("NEW", ""), ("OLD", "-")))
    words = f"{_differs(SEARCHED, 'IS NOT')} OR (NEW.state = 'closed' AND OLD.state <> 'closed')"
    return [
        f"CREATE TRIGGER journal_added AFTER INSERT ON journal BEGIN {added}; {WORDS_CHANGED}; END",
        f"CREATE TRIGGER journal_sums_moved AFTER UPDATE ON journal WHEN {_differs(SUMMED, 'IS NOT')} BEGIN {removed}; {added}; END",
        f"CREATE TRIGGER journal_words_moved AFTER UPDATE ON journal WHEN {words} BEGIN {WORDS_CHANGED}; END",
        f"CREATE TRIGGER journal_removed AFTER DELETE ON journal BEGIN {removed}; {FORGET_WORDS}; {FORGET}; END",
        f"CREATE TRIGGER report_renamed AFTER UPDATE ON report WHEN {_differs(NAMED, 'IS NOT')} BEGIN {NAMES_CHANGED}; END",
    ]


def _postgresql() -> list[str]:
    added, removed = (
        CHANGE + f"SELECT {_values(row, 'postgresql', sign)}" for row, sign in (("NEW", ""), ("OLD", "-"))
    )
    different = "IS DISTINCT FROM"
    words = f"{_differs(SEARCHED, different)} OR (NEW.state = 'closed' AND OLD.state <> 'closed')"
    bodies = {
        "journal_added": ("INSERT", "journal", "", f"{added}; {WORDS_CHANGED}"),
        "journal_sums_moved": ("UPDATE", "journal", f"WHEN ({_differs(SUMMED, different)})", f"{removed}; {added}"),
        "journal_words_moved": ("UPDATE", "journal", f"WHEN ({words})", WORDS_CHANGED),
        "journal_removed": ("DELETE", "journal", "", f"{removed}; {FORGET_WORDS}; {FORGET}"),
        "report_renamed": ("UPDATE", "report", f"WHEN ({_differs(NAMED, different)})", NAMES_CHANGED),
    }
    statements = []
    for name, (event, table, when, body) in bodies.items():
        statements += [
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NULL; END $$",
            f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION {name}()",
        ]
    return statements


def _fill(dialect: str) -> None:
    """A ledger that exists already."""
    month, unfinished = MONTH[dialect].format(row="journal"), UNFINISHED.format(row="journal")
    op.get_bind().exec_driver_sql(  # built from this file's own words
        "INSERT INTO journal_sums (tenant, target, currency, month, state, unfinished, journals, cents) "  # noqa: S608
        f"SELECT tenant, target, coalesce(currency, ''), {month}, state, {unfinished}, count(*), sum(total_debit_cents) "
        "FROM journal GROUP BY 1, 2, 3, 4, 5, 6"
    )
    op.get_bind().exec_driver_sql(
        "INSERT INTO search_change (tenant, target, journal_key) SELECT tenant, target, journal_key FROM journal"
    )
