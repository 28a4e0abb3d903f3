"""SYSPRO in the scenarios: one GL journal per approval day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from include.sandbox.server import Sandbox
from include.sandbox.stage import Service
from include.sandbox.syspro import Company, Operator
from tests.e2e.erps.under_test import Document, Json


class SysproCompany:
    """A SYSPRO company with an operator of its own: a second log-on of one operator ends the first."""

    def __init__(self, sandbox: Sandbox, number: int) -> None:
        today = datetime.now(UTC).date()
        self.sandbox = sandbox
        self.operator = Operator(f"E2E{number}", f"operator-word-{number}")
        self.books = Company(
            f"E{number:03d}",
            f"End-to-end {number}",
            password=f"company-word-{number}",
            year=today.year,
            period=today.month,
            first_number=100 * number,
        )
        self.user = self.operator.name
        self.secrets = (self.operator.password, self.books.password)
        with sandbox.lock:
            sandbox.syspro.sessions.seats = 1000
            sandbox.syspro.add_operator(self.operator)
            sandbox.syspro.add_company(self.books)
            for gl_account in ("6100", "6200", "6700"):
                for cost_center in ("P1", "P2"):
                    self.books.add_account(self.account(gl_account, cost_center))
            self.books.add_account("2150-00", type="L")
            self.books.add_account("2160-00", type="L")

    def connection(self) -> Json:
        return {
            "conn_type": "http",
            "schema": "http",
            "host": self.sandbox.host,
            "port": self.sandbox.port,
            "login": self.operator.name,
            "password": self.operator.password,
            "extra": {"company_id": self.books.id, "company_password": self.books.password},
        }

    def wrong_connection(self) -> Json:
        return {**self.connection(), "password": "not-the-operators-word"}

    def erp_section(self, connection: str, pool: str) -> Json:
        return {
            "type": "syspro",
            "connection": connection,
            "pool": pool,
            "allow_http": True,
            "settle_s": 2,
            "request_timeout_s": 8,
        }

    def documents(self) -> list[Document]:
        with self.sandbox.lock:
            return [
                Document(
                    reference=journal.lines[0].reference,
                    number=f"{journal.year}/{journal.number}",
                    total_debit_cents=journal.debit_cents,
                    posting_date=journal.date,
                    lines=tuple((line.ledger_code, line.cents) for line in journal.lines),
                )
                for journal in self.books.journals
                if not journal.cancelled
            ]

    def account(self, gl_account: str, cost_center: str) -> str:
        return f"{gl_account}-{cost_center}"

    def hold_account(self, gl_account: str, cost_center: str, on_hold: bool) -> None:
        with self.sandbox.lock:
            self.books.put_account_on_hold(self.account(gl_account, cost_center), on_hold)

    def close_period(self, day: date) -> None:
        with self.sandbox.lock:
            self.books.close_period(day.year, day.month)

    def open_period(self, day: date) -> None:
        with self.sandbox.lock:
            self.books.open_period(day.year, day.month)

    def failed_logons(self) -> int:
        return self.operator.bad_passwords

    def is_locked(self) -> bool:
        return self.operator.locked


class SysproUnderTest:
    """The model ERP."""

    name = "syspro"
    create = "Transaction/Post:GENTJL"
    lookup = "Query/Query:COMFND"
    marks = True
    posting: Mapping[str, Any] = {
        "per": "day",
        "lines": "group",
        "credit": {"reimbursable": "2150-00", "company_card": "2160-00"},
    }

    def services(self) -> tuple[Service, ...]:
        return ()  # every sandbox has SYSPRO

    def reference(self, prefix: str, key: str) -> str:
        return f"{prefix}-{key}"

    def found(self, sandbox: Sandbox, number: int) -> SysproCompany:
        return SysproCompany(sandbox, number)
