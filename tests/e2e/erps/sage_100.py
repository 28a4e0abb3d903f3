"""Sage 100 in the scenarios: one journal entry per approval day, through the local agent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from include.sandbox.sage_100 import Company, Sage100, User
from include.sandbox.server import Sandbox
from include.sandbox.stage import Service
from tests.e2e.erps.under_test import Document, Json


class Sage100Company:
    """A Sage company with a user of its own; every company has the pool that a Sage server of its own would have."""

    def __init__(self, sandbox: Sandbox, number: int) -> None:
        self.sandbox = sandbox
        self.user = f"E2E{number}"
        self.secrets = (f"sage-word-{number}", f"agent-key-of-{number}")
        today = datetime.now(UTC).date()
        self.books = Company(
            f"{number:03d}",
            f"End-to-end {number}",
            account_format="-A04A02A02",
            current_year=str(today.year),
            current_period=f"{today.month:02d}",
        )
        with sandbox.lock:
            server = sandbox.service(Sage100)
            server.writer_limit = 1000
            server.api_keys.add(self.secrets[1])
            self._user = server.add_user(User(self.user, self.secrets[0], companies=frozenset({self.books.code})))
            server.add_company(self.books)
            for gl_account in ("6100", "6200", "6700"):
                for cost_center in ("P1", "P2"):
                    self.books.add_account(self.account(gl_account, cost_center))
            for balancing in ("2150-00-00", "2160-00-00"):
                self.books.add_account(balancing, type="05")
            for year in (today.year - 1, today.year, today.year + 1):
                self.books.add_year(year)

    def connection(self) -> Json:
        return {
            "conn_type": "http",
            "schema": "http",
            "host": self.sandbox.host,
            "port": self.sandbox.port,
            "login": self.user,
            "password": self.secrets[0],
            "extra": {"api_key": self.secrets[1]},
        }

    def wrong_connection(self) -> Json:
        return {**self.connection(), "password": "not-the-users-word"}

    def erp_section(self, connection: str, pool: str) -> Json:
        return {
            "type": "sage_100",
            "connection": connection,
            "pool": pool,
            "api": "agent",
            "company": self.books.code,
            "account": "{gl_account}-{cost_center}-00",
            "allow_http": True,
            "settle_s": 2,
            "request_timeout_s": 8,
        }

    def documents(self) -> list[Document]:
        with self.sandbox.lock:
            return [
                Document(
                    reference=entry.reference,
                    number=entry.number,
                    total_debit_cents=entry.debit_cents,
                    posting_date=entry.date,
                    lines=tuple((line.account, line.debit_cents - line.credit_cents) for line in entry.lines),
                )
                for entry in self.books.entries
            ]

    def account(self, gl_account: str, cost_center: str) -> str:
        return f"{gl_account}-{cost_center}-00"

    def hold_account(self, gl_account: str, cost_center: str, on_hold: bool) -> None:
        with self.sandbox.lock:
            self.books.accounts[self.account(gl_account, cost_center)].status = "I" if on_hold else "A"

    def close_period(self, day: date) -> None:
        with self.sandbox.lock:
            self.books.close_period(day.year, day.month)

    def open_period(self, day: date) -> None:
        with self.sandbox.lock:
            self.books.open_period(day.year, day.month)

    def failed_logons(self) -> int:
        return self._user.bad_passwords

    def is_locked(self) -> bool:
        return self._user.locked


class Sage100UnderTest:
    """The local agent."""

    name = "sage_100"
    create = "agent:CreateEntry"
    lookup = "agent:FindEntries"
    marks = True
    posting: Mapping[str, Any] = {
        "per": "day",
        "lines": "group",
        "credit": {"reimbursable": "2150-00-00", "company_card": "2160-00-00"},
    }

    def services(self) -> tuple[Service, ...]:
        return (Sage100(),)

    def reference(self, prefix: str, key: str) -> str:
        return f"{prefix}-{key}"

    def found(self, sandbox: Sandbox, number: int) -> Sage100Company:
        return Sage100Company(sandbox, number)
