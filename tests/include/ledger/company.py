"""A tenant with its ledger, in the words of the tests: reports are read, claimed, checked and posted by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from include.accounting.reports import ExpenseFacts, ReportFacts
from include.accounting.window import Mode
from include.ledger import checking, claims, journals, runs, tables
from include.ledger.claims import Claimed
from include.ledger.database import Ledger
from include.ledger.journals import Actor, Journal, Scope
from include.ledger.plan import Reading
from include.ledger.posting import Poster
from include.ledger.runs import Run, RunKey
from include.settings.tenant import Tenant, tenant_from
from tests.include.ledger.fake_erp import FakeErp

TARGET = "plain:erp.example:ONE"
START = datetime(2026, 11, 21, 6, tzinfo=UTC)
DAY = date(2026, 11, 20)

SETTINGS: dict[str, Any] = {
    "schedule": "0 6 * * *",
    "timezone": "America/Chicago",
    "start_date": date(2026, 11, 1),
    "expensify": {"connection": "expensify", "mark_exported": "posted"},
    "erp": {"type": "plain", "connection": "plain", "settle_s": 30, "request_timeout_s": 60},
    "posting": {
        "currency": "USD",
        "credit": {"reimbursable": "2150", "company_card": "2160"},
    },
    "mapping": {"gl_account": {"values": {"Meals": "6100", "Travel": "6200"}}},
}


class FakeClock:
    """Time that passes only when it is told to."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return self.now.timestamp()


def expense(
    transaction_id: str, cents: int | None = 1000, category: str | None = "Meals", **facts: Any
) -> ExpenseFacts:
    facts = {"original_cents": cents, "currency": "USD", **facts}
    return ExpenseFacts(transaction_id, cents, category=category, **facts)


def report(report_id: str, *expenses: ExpenseFacts, day: date | None = DAY, **facts: Any) -> ReportFacts:
    """An approved report over the given expenses (one of 10.00 for meals if none is given)."""
    listed = list(expenses) or [expense(f"{report_id}-x")]
    values: dict[str, Any] = {
        "status": "APPROVED",
        "currency": "USD",
        "total_cents": sum(fact.amount_cents or 0 for fact in listed),
        "approved_day": day,
        "approved_at": datetime(day.year, day.month, day.day, 18, tzinfo=UTC) if day else None,
        "submitter_email": f"{report_id.lower()}@example.com",
        **facts,
    }
    return ReportFacts(report_id, expenses=listed, **values)


def no_expenses(report_id: str, **facts: Any) -> ReportFacts:
    empty = report(report_id, **{"total_cents": 0, **facts})
    return replace(empty, expenses=[])


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``base`` with nested ``changes``."""
    result = dict(base)
    for name, value in changes.items():
        known = result.get(name)
        result[name] = merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return result


class Company:
    """One tenant. ``settings`` are nested changes of :data:`SETTINGS`."""

    def __init__(
        self,
        ledger: Ledger,
        name: str = "midwest",
        clock: FakeClock | None = None,
        target: str = TARGET,
        **settings: Any,
    ) -> None:
        self.ledger = ledger
        self.clock = clock or FakeClock()
        self.target = target
        self.tenant: Tenant = tenant_from(merged(SETTINGS, settings), name, Path())
        self.actor = Actor("expenses__" + name, "run-1", "load", 0, 1)
        self.run_day = date(2026, 11, 21)

    @property
    def scope(self) -> Scope:
        return Scope(self.tenant.name, self.target, self.tenant.names)

    def with_settings(self, **settings: Any) -> Company:
        """The same tenant after its file was edited."""
        name = settings.pop("name", self.tenant.name)
        return Company(self.ledger, name, self.clock, self.target, **settings)

    # --- reading and claiming ---

    def reading(
        self,
        *reports: ReportFacts,
        wanted: Iterable[str] | None = None,
        absent: Iterable[str] = (),
        at: datetime | None = None,
        **fields: Any,
    ) -> Reading:
        """What an export that was started ``at`` (now) brought; all reports are wanted unless said otherwise."""
        started = at or self.clock()
        read = {item.report_id: replace(item, extracted_at=item.extracted_at or started) for item in reports}
        return Reading(
            read=read,
            wanted=frozenset(read if wanted is None else wanted),
            absent=frozenset(absent),
            extracted_at=started,
            **fields,
        )

    def claim(self, *reports: ReportFacts, run: RunKey | None = None, **reading: Any) -> Claimed:
        """A run reads these reports; a second later nothing else has happened."""
        made = self.reading(*reports, **reading)
        claimed = claims.claim(
            self.ledger, self.scope, self.tenant, made, self.run_day, self.actor, run, clock=self.clock
        )
        self.clock.advance(1)
        return claimed

    def begin_run(self, run_id: str = "run-1", mode: Mode = "schedule") -> RunKey:
        key = RunKey(f"expenses__{self.tenant.name}", run_id)
        with self.ledger.write() as connection:
            runs.register(connection, self.scope, Run(key, mode, None, False), self.clock())
        return key

    def check(self, *keys: str, erp: FakeErp | None = None) -> None:
        """Validate the named journals, or all."""
        checking.check(
            self.ledger, self.scope, self.tenant, keys or self.journal_keys(), erp or FakeErp(), self.actor, self.clock
        )

    def derive_again(self, *keys: str) -> None:
        claims.derive_again(
            self.ledger, self.scope, self.tenant, keys or self.journal_keys(), self.run_day, self.actor, self.clock
        )

    def poster(self, erp: FakeErp, **changes: Any) -> Poster:
        """Lease 90 s: 60 s for a request, 30 s to settle."""
        values: dict[str, Any] = {
            "request_timeout_s": 60,
            "settle_s": 30,
            "actor": self.actor,
            "clock": self.clock,
            "monotonic": self.clock.monotonic,
            **changes,
        }
        return Poster(self.ledger, self.scope, lambda: erp, **values)

    # --- what the ledger holds ---

    def rows(self, table: sa.Table, *where: sa.ColumnElement[bool]) -> list[dict[str, Any]]:
        with self.ledger.read() as connection:
            found = connection.execute(sa.select(table).where(*where)).mappings()
            return [dict(row) for row in found]

    def journal_keys(self) -> list[str]:
        """This tenant's journals, in order of key."""
        columns = tables.journal.c
        rows = self.rows(tables.journal, columns.tenant.in_(self.tenant.names), columns.target == self.target)
        return sorted(row["journal_key"] for row in rows)

    def journal(self, key: str) -> Journal:
        with self.ledger.read() as connection:
            return journals.fetch(connection, self.scope, [key])[key]

    def states(self) -> dict[str, str]:
        return {key: self.journal(key).state for key in self.journal_keys()}

    def references(self) -> dict[str, str | None]:
        return {key: self.journal(key).reference for key in self.journal_keys()}

    def booked(self) -> dict[str, list[str]]:
        """Journal key to the transaction IDs of its expenses."""
        found: dict[str, list[str]] = {}
        columns = tables.expense.c
        for row in self.rows(tables.expense, columns.tenant.in_(self.tenant.names), columns.target == self.target):
            found.setdefault(row["journal_key"], []).append(row["transaction_id"])
        return {key: sorted(ids) for key, ids in sorted(found.items())}

    def lines(self, key: str) -> list[tuple[str, int]]:
        """(account, cents) of a journal, by line number."""
        columns = tables.journal_line.c
        rows = self.rows(
            tables.journal_line,
            columns.journal_key == key,
            columns.tenant.in_(self.tenant.names),
            columns.target == self.target,
        )
        return [(row["account"], row["amount_cents"]) for row in sorted(rows, key=lambda row: row["line"])]

    def reasons(self, key: str) -> list[str]:
        """Codes of what holds a journal."""
        return [reason.code for reason in self.journal(key).reasons]

    def findings(self) -> list[tuple[str, str | None, str | None]]:
        """(kind, report ID, journal key), oldest first."""
        rows = sorted(self.rows(tables.finding), key=lambda row: row["id"])
        return [(row["kind"], row["report_id"], row["journal_key"]) for row in rows]

    def moves(self, key: str) -> list[tuple[str | None, str]]:
        """The events of a journal as (from, to)."""
        rows = self.rows(tables.event, tables.event.c.journal_key == key, tables.event.c.target == self.target)
        return [(row["from_state"], row["to_state"]) for row in sorted(rows, key=lambda row: row["id"])]

    def settle(self, key: str, to_state: Any, **values: Any) -> None:
        """A person's decision."""
        with self.ledger.write() as connection:
            journal = journals.fetch(connection, self.scope, [key])[key]
            assert journals.move(connection, journal, to_state, self.clock(), Actor(who="ann"), "settled", **values)
