"""IFS Cloud in the scenarios: one voucher per approval day; cost centres are code part B."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs

from include.sandbox.ifs_cloud import Client, Company, IfsCloud
from include.sandbox.ifs_cloud.access import Tokens
from include.sandbox.server import Sandbox
from include.sandbox.stage import Answer, Service
from tests.e2e.erps.under_test import Document, Json


class CountingTokens(Tokens):
    """The token server, counting refusals by client."""

    def __init__(self) -> None:
        super().__init__()
        self.failed: dict[str, int] = {}

    def issue(self, realm: str, content_type: str, body: bytes) -> Answer:
        answer = super().issue(realm, content_type, body)
        (client,) = parse_qs(body.decode()).get("client_id", [""])
        self.failed[client] = 0 if answer.status == 200 else self.failed.get(client, 0) + 1
        return answer


class IfsCloudCompany:
    """A company of the environment with a client that may use it alone."""

    def __init__(self, sandbox: Sandbox, number: int) -> None:
        self.sandbox = sandbox
        self.user = f"expensify_{number}"
        self.secrets = (f"ifs-client-secret-{number}",)
        with sandbox.lock:
            self.server = sandbox.service(IfsCloud)
            self.server.add_client(Client(self.user, self.secrets[0], {str(number)}))
            self.books = self.server.add_company(Company(str(number), f"End-to-end {number}"))
            for gl_account in ("6100", "6200", "6700"):
                self.books.add_account(gl_account, gl_account, {"B": "Mandatory"})
            for balancing in ("2150-00", "2160-00"):
                self.books.add_account(balancing, balancing, {"B": "Blocked"})
            for cost_center in ("P1", "P2"):
                self.books.add_code("B", cost_center)
            today = datetime.now(UTC).date()
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
            "extra": {"realm": self.server.tokens.realm},
        }

    def wrong_connection(self) -> Json:
        return {**self.connection(), "password": "not-the-clients-secret"}

    def erp_section(self, connection: str, pool: str) -> Json:
        return {
            "type": "ifs_cloud",
            "connection": connection,
            "pool": pool,
            "company": self.books.id,
            "allow_http": True,
            "settle_s": 2,
            "request_timeout_s": 8,
        }

    def documents(self) -> list[Document]:
        found = []
        with self.sandbox.lock:
            for voucher in self.books.vouchers:
                if voucher.status != "Cancelled":
                    rows = voucher.rows
                    lines = tuple((row.account, int(((row.debit or 0) - (row.credit or 0)) * 100)) for row in rows)
                    found.append(
                        Document(
                            reference=rows[0].reference or "",
                            number=f"{voucher.type}/{voucher.year}/{voucher.number}",
                            total_debit_cents=sum(cents for _, cents in lines if cents > 0),
                            posting_date=voucher.date,
                            lines=lines,
                        )
                    )
        return found

    def account(self, gl_account: str, cost_center: str) -> str:
        return gl_account

    def hold_account(self, gl_account: str, cost_center: str, on_hold: bool) -> None:
        with self.sandbox.lock:
            self.books.codes["A", gl_account].blocked = on_hold

    def close_period(self, day: date) -> None:
        self._set_period(day, is_open=False)

    def open_period(self, day: date) -> None:
        self._set_period(day, is_open=True)

    def _set_period(self, day: date, *, is_open: bool) -> None:
        with self.sandbox.lock:
            period = self.books.period_of(day)
            assert period is not None
            period.open = is_open

    def failed_logons(self) -> int:
        tokens = self.server.tokens
        assert isinstance(tokens, CountingTokens)
        return tokens.failed.get(self.user, 0)

    def is_locked(self) -> bool:
        return False


class IfsCloudUnderTest:
    """Vouchers in the hold table. Nothing is written back to Expensify."""

    name = "ifs_cloud"
    create = "Create"
    lookup = "HoldRows"
    marks = False
    posting: Mapping[str, Any] = {
        "per": "day",
        "lines": "group",
        "credit": {"reimbursable": "2150-00", "company_card": "2160-00"},
    }

    def services(self) -> tuple[Service, ...]:
        server = IfsCloud()
        server.tokens = CountingTokens()
        return (server,)

    def reference(self, prefix: str, key: str) -> str:
        return f"{prefix}-{key}"

    def found(self, sandbox: Sandbox, number: int) -> IfsCloudCompany:
        return IfsCloudCompany(sandbox, number)
