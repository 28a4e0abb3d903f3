"""A large ledger by bulk insert: rows as the package writes them, in numbers that no test could claim one by one.

Everything is a function of its number, so that two ledgers of one size are equal.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.database import Ledger

FIRST_DAY = date(2026, 1, 1)
DAYS = 300
MERCHANTS = [
    f"{brand} {place}"
    for place in ("Airport", "Central", "Harbor", "North", "Old Town")
    for brand in (
        "Uber",
        "Delta Air Lines",
        "Hilton",
        "Shell",
        "Starbucks",
        "Amazon",
        "Lyft",
        "Avis",
        "Marriott",
        "Staples",
    )
]
CATEGORIES = ("Meals", "Airfare", "Hotel", "Taxi", "Office")
EMPLOYEES = 60
RARE_MERCHANT = "Zanzibar Spice House"


@dataclass(frozen=True)
class Size:
    """``expenses`` in all, over ``tenants``; ``per_report`` in each report, ``per_journal`` reports in each journal."""

    expenses: int
    tenants: int = 200
    per_report: int = 10
    per_journal: int = 2

    @property
    def reports(self) -> int:
        return self.expenses // self.per_report

    @property
    def journals(self) -> int:
        return self.reports // self.per_journal


def tenant(number: int) -> str:
    return f"tenant_{number:03d}"


def target(number: int) -> str:
    kinds = ("syspro", "acumatica", "dynamics_gp", "sage_100", "ifs_cloud")
    return f"{kinds[number % 5]}://erp-{number:03d}.example.com/ONE"


class Filling:
    """The rows of one size."""

    def __init__(self, size: Size) -> None:
        self.size = size

    def owner(self, journal: int) -> tuple[str, str]:
        number = journal % self.size.tenants
        return tenant(number), target(number)

    def day(self, journal: int) -> date:
        return FIRST_DAY + timedelta(days=(journal * 7) % DAYS)

    def key(self, journal: int) -> str:
        return f"R{journal:08d}"

    def state(self, journal: int) -> str:
        """Of a hundred journals one is held, every four hundredth is rejected, a few wait, the rest are posted."""
        number = journal // self.size.tenants
        if number % 100 == 3:
            return "held"
        if number % 400 == 7:
            return "rejected"
        return "ready" if number % 50 == 11 else "posted"

    def journals(self) -> Iterator[dict[str, Any]]:
        for journal in range(self.size.journals):
            owner, company = self.owner(journal)
            state, day = self.state(journal), self.day(journal)
            total = 1000 * self.size.per_report * self.size.per_journal + journal % 997
            reasons = []
            if state in ("held", "rejected"):
                category = CATEGORIES[journal % 5]
                reasons = [
                    {
                        "code": "category_unmapped",
                        "message": f"Category '{category}' has no account",
                        "fix": f"Write it under `mapping.gl_account.values` in {owner}.yaml",
                        "subject": category,
                        "report_id": self.report_id(journal, 0),
                        "amount_cents": 1000,
                        "currency": "USD",
                    }
                ]
            yield {
                "tenant": owner,
                "target": company,
                "journal_key": self.key(journal),
                "kind": "journal",
                "part": "main",
                "per": "report",
                "state": state,
                "reference": f"EXP-{self.key(journal)}",
                "approval_date": day,
                "first_posting_date": day,
                "posting_date": day,
                "currency": "USD",
                "total_debit_cents": total,
                "document_number": f"2026/{journal}" if state == "posted" else None,
                "erp_status": ("P", "Open", "Work", "UNPOSTED", "Approved")[journal % self.size.tenants % 5]
                if state == "posted"
                else None,
                "incomplete": False,
                "reasons": reasons,
                "description": f"Expensify {self.key(journal)}",
                "payload": {"lines": [{"number": line, "account": "6100", "text": "x" * 150} for line in range(6)]},
                "frozen": state == "posted",
                "revision": 1,
                "created_at": datetime(day.year, day.month, day.day, 6, tzinfo=UTC) + timedelta(days=1),
                "announced": True,
            }

    def lines(self) -> Iterator[dict[str, Any]]:
        for journal in range(self.size.journals):
            owner, company = self.owner(journal)
            each = 200 * self.size.per_report * self.size.per_journal
            for line in range(1, 7):
                yield {
                    "tenant": owner,
                    "target": company,
                    "journal_key": self.key(journal),
                    "line": line,
                    "account": f"{6000 + 100 * line}-{'P1' if journal % 2 else 'P2'}" if line < 6 else "2150-00",
                    "dimensions": {"cost_center": "P1"},
                    "amount_cents": each if line < 6 else -5 * each,
                    "description": "",
                    "rule": f"mapping.gl_account.values[{CATEGORIES[(line - 1) % 5]!r}]",
                }

    def report_id(self, journal: int, number: int) -> str:
        return f"R{journal:08d}" if number == 0 else f"R{journal:08d}x{number}"

    def members(self) -> Iterator[dict[str, Any]]:
        for journal in range(self.size.journals):
            owner, company = self.owner(journal)
            for number in range(self.size.per_journal):
                yield {
                    "tenant": owner,
                    "target": company,
                    "journal_key": self.key(journal),
                    "report_id": self.report_id(journal, number),
                }

    def reports(self) -> Iterator[dict[str, Any]]:
        for journal in range(self.size.journals):
            owner, company = self.owner(journal)
            for number in range(self.size.per_journal):
                employee = (journal * 3 + number) % EMPLOYEES
                yield {
                    "tenant": owner,
                    "target": company,
                    "report_id": self.report_id(journal, number),
                    "name": f"Trip {journal} to {('Boston', 'Lyon', 'Austin')[journal % 3]}",
                    "submitter_email": f"employee{employee}@{owner}.example.com",
                    "submitter_name": f"Emp Loyee{employee}",
                    "approvers": [{"email": f"boss@{owner}.example.com", "date": "2026-01-01"}],
                    "approved_day": self.day(journal),
                    "status": "APPROVED",
                    "currency": "USD",
                    "total_cents": 1000 * self.size.per_report,
                    "expense_count": self.size.per_report,
                    "defects": [],
                }

    def expenses(self) -> Iterator[dict[str, Any]]:
        count = 0
        rare = max(1, self.size.expenses // 3)
        for journal in range(self.size.journals):
            owner, company = self.owner(journal)
            for number in range(self.size.per_journal):
                for one in range(self.size.per_report):
                    count += 1
                    yield {
                        "target": company,
                        # Expensify's IDs do not follow each other.
                        "transaction_id": f"{(count * 2654435761) % 2**40:013d}",
                        "tenant": owner,
                        "report_id": self.report_id(journal, number),
                        "journal_key": self.key(journal),
                        "debit_line": one % 5 + 1,
                        "credit_line": 6,
                        "amount_cents": 1000,
                        "original_cents": 1000,
                        "currency": "USD",
                        "spent_on": self.day(journal),
                        "merchant": RARE_MERCHANT if count == rare else MERCHANTS[(count * 31) % len(MERCHANTS)],
                        "category": CATEGORIES[one % 5],
                        "tags": [["P1", None]],
                        "reimbursable": True,
                    }

    def runs(self) -> Iterator[dict[str, Any]]:
        """One run per tenant and day."""
        seen: set[tuple[str, date]] = set()
        for journal in range(self.size.journals):
            owner, company = self.owner(journal)
            day = self.day(journal)
            if (owner, day) in seen:
                continue
            seen.add((owner, day))
            at = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
            yield {
                "dag_id": f"expenses__{owner}",
                "run_id": f"scheduled__{day}",
                "tenant": owner,
                "target": company,
                "mode": "schedule",
                "window_from": at - timedelta(days=1),
                "window_to": at,
                "dry_run": False,
                "covered_at": at + timedelta(minutes=1),
                "box_size": 1,
                "created_at": at,
            }

    def run_journals(self) -> Iterator[dict[str, Any]]:
        next_position: dict[tuple[str, date], int] = {}
        for journal in range(self.size.journals):
            owner, company = self.owner(journal)
            day = self.day(journal)
            position = next_position.get((owner, day), 0)
            next_position[owner, day] = position + 1
            yield {
                "dag_id": f"expenses__{owner}",
                "run_id": f"scheduled__{day}",
                "position": position,
                "tenant": owner,
                "target": company,
                "journal_key": self.key(journal),
            }

    def events(self) -> Iterator[dict[str, Any]]:
        for journal in range(self.size.journals):
            owner, company = self.owner(journal)
            at = datetime(2026, 1, 1, tzinfo=UTC)
            yield {
                "tenant": owner,
                "target": company,
                "journal_key": self.key(journal),
                "from_state": None,
                "to_state": "drafted",
                "at": at,
                "message": "claimed 2 reports",
            }

    def findings(self) -> Iterator[dict[str, Any]]:
        for journal in range(0, self.size.journals, 100):
            owner, company = self.owner(journal)
            yield {
                "tenant": owner,
                "target": company,
                "report_id": self.report_id(journal, 0),
                "journal_key": self.key(journal),
                "kind": "total_differs" if journal % 300 == 0 else "changed_after_posting",
                "message": "It changed",
                "fingerprint": f"f{journal}",
                "at": datetime(2026, 1, 1, tzinfo=UTC),
            }


def fill(ledger: Ledger, size: Size) -> Filling:
    """Put the rows of ``size`` into an empty ledger."""
    return fill_with(ledger, Filling(size))


def fill_with(ledger: Ledger, filling: Filling) -> Filling:
    """Put the rows of a filling into an empty ledger."""
    rows: list[tuple[sa.Table, Callable[[], Iterable[dict[str, Any]]]]] = [
        (tables.report, filling.reports),
        (tables.journal, filling.journals),
        (tables.journal_line, filling.lines),
        (tables.journal_report, filling.members),
        (tables.expense, filling.expenses),
        (tables.run, filling.runs),
        (tables.run_journal, filling.run_journals),
        (tables.event, filling.events),
        (tables.finding, filling.findings),
    ]
    for table, source in rows:
        _insert(ledger, table, source())
    if not ledger.is_sqlite:
        with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return filling


def _insert(ledger: Ledger, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    with ledger.write() as connection:
        for row in rows:
            batch.append(row)
            if len(batch) == 5000:
                _insert_batch(ledger, connection, table, batch)
                batch = []
        if batch:
            _insert_batch(ledger, connection, table, batch)


def _insert_batch(ledger: Ledger, connection: sa.Connection, table: sa.Table, batch: list[dict[str, Any]]) -> None:
    names = list(batch[0])
    columns = ", ".join(names)
    cursor = connection.connection.cursor()
    if ledger.is_sqlite:
        marks = ", ".join("?" * len(names))
        values = [[_sqlite(row[name]) for name in names] for row in batch]
        cursor.executemany(f"INSERT INTO {table.name} ({columns}) VALUES ({marks})", values)
        return
    if not connection.in_transaction():
        # COPY goes past SQLAlchemy, which would see nothing to commit.
        connection.begin()
    text = io.StringIO()
    csv.writer(text).writerows([_copied(row[name]) for name in names] for row in batch)
    text.seek(0)
    cursor.copy_expert(f"COPY {table.name} ({columns}) FROM STDIN WITH (FORMAT csv, NULL '\\N')", text)  # type: ignore[attr-defined]


def _sqlite(value: object) -> object:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, list | dict) else value


def _copied(value: object) -> object:
    if value is None:
        return r"\N"
    return json.dumps(value) if isinstance(value, list | dict) else value
