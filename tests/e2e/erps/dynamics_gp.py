"""Dynamics GP in the scenarios: one unposted journal per approval day, over SOAP with NTLM."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from include.sandbox.dynamics_gp import Company, DynamicsGp, WindowsAccount
from include.sandbox.server import Sandbox
from include.sandbox.stage import Service
from tests.e2e.erps.under_test import Document, Json

SEARCHED = 50
"""Companies with higher ids are not found by their name: their tenant file names the id."""


class DynamicsGpCompany:
    """A GP company, a Windows account that may use it alone, and its file of fiscal periods."""

    def __init__(self, sandbox: Sandbox, number: int) -> None:
        self.sandbox = sandbox
        self.user = f"svc_{number}"
        self.login = f"FABRIKAM\\{self.user}"
        self.secrets = (f"windows-word-{number}",)
        self.folder = tempfile.TemporaryDirectory(prefix="fiscal-periods-")
        with sandbox.lock:
            self.server = sandbox.service(DynamicsGp)
            self.server.door.add(WindowsAccount(self.login, self.secrets[0], companies=frozenset({number})))
            self.books = self.server.add_company(
                Company(number, f"End-to-end {number}", segments=(4, 2, 2), main_segment=1, next_number=1000 * number)
            )
            today = datetime.now(UTC).date()
            for year in (today.year - 1, today.year, today.year + 1):
                self.books.add_months(year)
            for cost_center in ("P1", "P2"):
                self.books.add_cost_center(cost_center)
                for gl_account in ("6100", "6200", "6700"):
                    self.books.add_account(self.account(gl_account, cost_center))
            for balancing in ("2150-00-00", "2160-00-00"):
                self.books.add_account(balancing)
        self._write_periods()

    def connection(self) -> Json:
        return {
            "conn_type": "http",
            "schema": "http",
            "host": self.sandbox.host,
            "port": self.sandbox.port,
            "login": self.login,
            "password": self.secrets[0],
            "extra": {"auth": "ntlm"},
        }

    def wrong_connection(self) -> Json:
        return {**self.connection(), "password": "not-the-accounts-word"}

    def erp_section(self, connection: str, pool: str) -> Json:
        return {
            "type": "dynamics_gp",
            "connection": connection,
            "pool": pool,
            "api": "soap",
            "company": self.books.name,
            **({"company_id": self.books.id} if self.books.id > SEARCHED else {}),
            "account": "{gl_account}-{cost_center}-00",
            "cost_center_segment": 2,
            "fiscal_calendar": str(self._calendar),
            "number_delay_s": 1,
            "settle_s": 2,
            "request_timeout_s": 8,
        }

    def documents(self) -> list[Document]:
        with self.sandbox.lock:
            return [
                Document(
                    reference=journal.reference,
                    number=str(journal.number),
                    total_debit_cents=journal.debit_cents,
                    posting_date=journal.day,
                    lines=tuple((line.account, line.cents) for line in journal.lines),
                )
                for journal in self.books.journals
                if not journal.voided
            ]

    def account(self, gl_account: str, cost_center: str) -> str:
        return f"{gl_account}-{cost_center}-00"

    def hold_account(self, gl_account: str, cost_center: str, on_hold: bool) -> None:
        with self.sandbox.lock:
            self.books.accounts[self.account(gl_account, cost_center)].active = not on_hold

    def close_period(self, day: date) -> None:
        with self.sandbox.lock:
            self.books.close_period(day)
        self._write_periods()

    def open_period(self, day: date) -> None:
        with self.sandbox.lock:
            self.books.close_period(day, closed=False)
        self._write_periods()

    @property
    def _calendar(self) -> Path:
        return Path(self.folder.name, "periods.csv")

    def _write_periods(self) -> None:
        """The person who keeps the file in step with GP; never half of it, tasks read it at any moment."""
        rows = [
            f"{one.first_day},{one.last_day},{one.year},{one.number},{'no' if one.closed else 'yes'}"
            for one in self.books.periods
        ]
        fresh = self._calendar.with_suffix(".new")
        fresh.write_text("\n".join(["first_day,last_day,year,period,open", *rows]))
        fresh.replace(self._calendar)

    def failed_logons(self) -> int:
        """Of all accounts: the server counts no others. One scenario alone has a wrong password."""
        return self.server.door.refusals

    def is_locked(self) -> bool:
        return False


class DynamicsGpUnderTest:
    """The Web Services."""

    name = "dynamics_gp"
    create = "CreateGLTransaction"
    lookup = "GetGLTransactionList"
    marks = True
    posting: Mapping[str, Any] = {
        "per": "day",
        "lines": "group",
        "credit": {"reimbursable": "2150-00-00", "company_card": "2160-00-00"},
    }

    def services(self) -> tuple[Service, ...]:
        return (DynamicsGp(),)

    def reference(self, prefix: str, key: str) -> str:
        return f"{prefix}-{key}"

    def found(self, sandbox: Sandbox, number: int) -> DynamicsGpCompany:
        return DynamicsGpCompany(sandbox, number)
