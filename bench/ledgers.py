"""Two ledgers for the page: a large one, and a small one that fills every page that the large one fills.

A page of fifty rows against an empty one would compare the writing of rows, not the size of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.views import upkeep
from tests.include.ledger.views.filling import DAYS, FIRST_DAY, Filling, Size, fill_with

TENANTS = 10
SUBJECTS = 7
DIFFERENCES = 60


@dataclass(frozen=True)
class Books:
    """A ledger's size. Of every hundred journals of a tenant the first ``held`` are held, the last ``ready`` wait."""

    expenses: int
    per_report: int
    per_journal: int
    held: int
    ready: int

    @property
    def size(self) -> Size:
        return Size(self.expenses, TENANTS, self.per_report, self.per_journal)


# 100 and 5,000 journals per tenant; 600 and 1,000 of all are held, 60 and 500 wait.
SMALL = Books(1_000, 1, 1, held=60, ready=6)
LARGE = Books(1_000_000, 10, 2, held=2, ready=1)


class BenchFilling(Filling):
    """Held journals of one cause in the first tenant and of many in the others, whatever the size."""

    def __init__(self, books: Books) -> None:
        super().__init__(books.size)
        self._books = books

    def state(self, journal: int) -> str:
        place = journal // self.size.tenants % 100
        if place < self._books.held:
            return "held"
        return "ready" if place >= 100 - self._books.ready else "posted"

    def journals(self) -> Iterator[dict[str, Any]]:
        for journal, row in enumerate(super().journals()):
            if row["reasons"] and journal % self.size.tenants:
                number = journal // self.size.tenants
                subject = f"Category {(number // 100 + number) % SUBJECTS}"
                row["reasons"] = [{**row["reasons"][0], "subject": subject}]
            yield row

    def findings(self) -> Iterator[dict[str, Any]]:
        # Of every seventh journal, so that each tenant has some.
        step = 1 if self.size.journals <= 1000 else 7
        for journal in range(0, self.size.journals, step):
            owner, company = self.owner(journal)
            yield {
                "tenant": owner,
                "target": company,
                "report_id": self.report_id(journal, 0),
                "journal_key": self.key(journal),
                "kind": "total_differs" if journal // self.size.tenants % 3 else "changed_after_posting",
                "message": "It changed",
                "fingerprint": f"f{journal}",
                "at": datetime(2026, 1, 1, tzinfo=UTC),
            }


def ledger_of(books: Books, folder: Path) -> Path:
    """The filled ledger, made once: another schema or other contents make another file."""
    from include.ledger import database

    path = folder / f"ledger-{books.expenses}-{database._HEAD}.db"
    if path.exists():
        return path
    unfinished = path.with_suffix(".part")
    for left in folder.glob(f"{unfinished.name}*"):
        left.unlink()
    with Ledger(f"sqlite:///{unfinished}") as ledger:
        ledger.create_if_missing()
        # A power cut may cost this file: it is made again.
        sa.event.listen(ledger.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = OFF"))
        ledger.engine.dispose()
        fill_with(ledger, BenchFilling(books))
        _fill_reconcile(ledger)
        upkeep.catch_up(ledger)
        with ledger.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    unfinished.rename(path)
    return path


def _fill_reconcile(ledger: Ledger) -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    with ledger.write() as connection:
        connection.execute(
            tables.reconcile_difference.insert(), [_difference(number, at) for number in range(DIFFERENCES)]
        )


def _difference(number: int, at: datetime) -> dict[str, Any]:
    owner, company = Filling(SMALL.size).owner(number)
    return {
        "tenant": owner,
        "target": company,
        "fingerprint": f"d{number}",
        "kind": "missing_in_erp",
        "journal_key": f"R{number:08d}",
        "currency": "USD",
        "expected_cents": 1000,
        "message": "It is missing",
        "next_step": "Look for it",
        "first_seen_at": at,
        "last_seen_at": at,
    }


def month() -> tuple[date, date]:
    """Thirty of the ledgers' days: a hundred journals of the small one."""
    first = FIRST_DAY + timedelta(days=DAYS // 2)
    return first, first + timedelta(days=29)


def one_journal(path: Path, state: str) -> dict[str, str]:
    """The first journal of the first tenant in this state, as an address names it."""
    journal = tables.journal.c
    query = (
        sa.select(journal.tenant, journal.target, journal.journal_key)
        .where(journal.tenant == "tenant_000", journal.state == state)
        .order_by(journal.journal_key)
        .limit(1)
    )
    with Ledger(f"sqlite:///{path}") as ledger, ledger.read() as connection:
        tenant, target, key = connection.execute(query).one()
    return {"tenant": tenant, "target": target, "key": key}
