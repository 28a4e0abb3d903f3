"""Acumatica in the scenarios: one GL batch per approval day; cost centres are subaccounts."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from aiohttp import web

from include.sandbox.acumatica import Acumatica, User
from include.sandbox.server import Sandbox
from include.sandbox.stage import Service, Stage
from tests.e2e.erps.under_test import Document, Json

_HEADER = re.compile(r"Expensify (\S+):")


class AcumaticaSites:
    """Many Acumatica sites on one port, each below a path of its own: a site has one set of books."""

    name = "acumatica"

    def __init__(self) -> None:
        self.sites: dict[str, Acumatica] = {}
        self.failed_logons: dict[str, int] = {}

    def add(self, path: str) -> Acumatica:
        """A new site below ``path``."""
        self.sites[path], self.failed_logons[path] = Acumatica(base_path=path), 0
        return self.sites[path]

    def routes(self, stage: Stage) -> Iterable[web.AbstractRouteDef]:
        async def on_a_site(request: web.Request) -> web.StreamResponse:
            path = f"/{request.match_info['site']}"
            # A site answers all of its paths with the same handler.
            (handler, *_) = [route.handler for route in self.sites[path].routes(stage)]  # type: ignore[attr-defined]
            answer: Callable[[web.Request], Awaitable[web.StreamResponse]] = handler
            given = await answer(request)
            if request.path.endswith("/identity/connect/token"):
                self.failed_logons[path] = 0 if given.status == 200 else self.failed_logons[path] + 1
            return given

        return [web.route("*", "/{site:acumatica_[0-9]+}/{rest:.*}", on_a_site)]

    def documents(self) -> list[dict[str, object]]:
        return [row for site in self.sites.values() for row in site.documents()]


class AcumaticaCompany:
    """An Acumatica site with one branch and one user."""

    def __init__(self, sandbox: Sandbox, number: int) -> None:
        self.sandbox = sandbox
        self.path = f"/acumatica_{number}"
        self.user = f"robot{number}"
        self.secrets = (f"acumatica-word-{number}", f"client-secret-of-{number}")
        self.client_id = f"7a1f-{number}@Contoso"
        with sandbox.lock:
            self.sites = sandbox.service(AcumaticaSites)
            site = self.sites.add(self.path)
            site.doors.applications[self.client_id] = self.secrets[1]
            site.doors.add_user(User(self.user, self.secrets[0]))
            self.books = site.books
            self.books.next_batch = 100 * number
            self.books.preferences.restrict_closed_periods = True
            self.books.add_ledger("ACTUAL", "HQ")
            today = datetime.now(UTC).date()
            for year in (today.year - 1, today.year, today.year + 1):
                self.books.add_year(year)
            for gl_account in ("6100", "6200", "6700"):
                self.books.add_account(gl_account)
            for balancing in ("2150-00", "2160-00"):
                self.books.add_account(balancing, type="Liability")
            for subaccount in ("P1", "P2", "000000"):
                self.books.add_subaccount(subaccount)

    def connection(self) -> Json:
        return {
            "conn_type": "http",
            "schema": "http",
            "host": self.sandbox.host,
            "port": self.sandbox.port,
            "login": self.user,
            "password": self.secrets[0],
            "extra": {"client_id": self.client_id, "client_secret": self.secrets[1]},
        }

    def wrong_connection(self) -> Json:
        return {**self.connection(), "password": "not-the-users-word"}

    def erp_section(self, connection: str, pool: str) -> Json:
        return {
            "type": "acumatica",
            "connection": connection,
            "pool": pool,
            "base_path": self.path,
            "allow_http": True,
            "document": "journal",
            "branch": "HQ",
            "balancing_subaccount": "000000",
            "requests_per_minute": 2000,
            "retry_wait_s": 0.5,
            "settle_s": 2,
            "request_timeout_s": 8,
        }

    def documents(self) -> list[Document]:
        found = []
        with self.sandbox.lock:
            for batch in self.books.batches:
                written = _HEADER.match(batch.text("Description"))
                if written and batch.text("Status") != "Voided":
                    rows = batch.details["Details"]
                    lines = [
                        (row.text("Account"), row.cents("DebitAmount") - row.cents("CreditAmount")) for row in rows
                    ]
                    posted_on = batch.fields["TransactionDate"]
                    assert isinstance(posted_on, date)
                    debit = sum(row.cents("DebitAmount") for row in rows)
                    found.append(Document(written[1], batch.text("BatchNbr"), debit, posted_on, tuple(lines)))
        return found

    def account(self, gl_account: str, cost_center: str) -> str:
        return gl_account

    def hold_account(self, gl_account: str, cost_center: str, on_hold: bool) -> None:
        with self.sandbox.lock:
            self.books.get("Account", AccountCD=gl_account).fields["Active"] = not on_hold

    def close_period(self, day: date) -> None:
        with self.sandbox.lock:
            self.books.set_period(f"{day:%m%Y}", "Closed")

    def open_period(self, day: date) -> None:
        with self.sandbox.lock:
            self.books.set_period(f"{day:%m%Y}", "Open")

    def failed_logons(self) -> int:
        return self.sites.failed_logons[self.path]

    def is_locked(self) -> bool:
        return False


class AcumaticaUnderTest:
    """Journals over OAuth."""

    name = "acumatica"
    create = "PUT JournalTransaction"
    lookup = "GET JournalTransaction"
    marks = True
    posting: Mapping[str, Any] = {
        "per": "day",
        "lines": "group",
        "credit": {"reimbursable": "2150-00", "company_card": "2160-00"},
    }

    def services(self) -> tuple[Service, ...]:
        return (AcumaticaSites(),)

    def reference(self, prefix: str, key: str) -> str:
        return f"{prefix}-{key}"

    def found(self, sandbox: Sandbox, number: int) -> AcumaticaCompany:
        return AcumaticaCompany(sandbox, number)
