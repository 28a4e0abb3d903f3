from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from include.erps.acumatica.access import Credentials
from include.erps.acumatica.client import AcumaticaErp
from include.erps.acumatica.settings import AcumaticaSettings
from include.erps.port import AP_ACCOUNT, Draft, Kind, Line
from include.errors import NotExecuted
from include.sandbox.acumatica import Acumatica, Row, User
from include.sandbox.server import Sandbox
from tests.include.erps.adapter import DAY, Adapter, Stored
from tests.include.erps.conformance import Conformance
from tests.include.erps.shared_state import Budget, Tokens

CLIENT_ID = "7a1f-44@Contoso"


class BillAdapter(Adapter):
    service = "acumatica"
    look_up = "GET Bill"
    create = "PUT Bill"
    log_on: ClassVar[str | None] = "token"
    keeps_token = True
    definite: ClassVar[Mapping[str, type[Exception]]] = {"429": NotExecuted}
    kind: ClassVar[Kind] = "bill"
    changes: ClassVar[dict[str, Any]] = {"document": "bill", "vendor": "EMPLOYEES"}

    def __init__(self) -> None:
        self.site = Acumatica()
        self.sandbox = Sandbox(self.site)
        self.secrets = ("pa ss+&%/word", "c&o client")
        self.tokens = Tokens()
        self.site.licence.users = 5
        self.site.doors.applications[CLIENT_ID] = self.secrets[1]
        self.site.doors.add_user(User("robot", self.secrets[0]))
        books = self.site.books
        books.today = lambda: date(2026, 11, 21)
        books.add_ledger("ACTUAL", "HQ")
        for year in (2025, 2026, 2027):
            books.add_year(year)
        books.add_account("62000", "Travel")
        books.add_account("20100", "Card payable", "Liability")
        books.add_subaccount("000000")
        books.add_vendor("EMPLOYEES")

    def open(self, *, timeout_s: float = 5.0) -> AcumaticaErp:
        settings = AcumaticaSettings.model_validate(
            {
                "type": "acumatica",
                "connection": "acumatica",
                "branch": "HQ",
                "balancing_subaccount": "000000",
                "read_attempts": 1,
                "retry_wait_s": 0.01,
                **self.changes,
            }
        )
        return AcumaticaErp(
            self.sandbox.url,
            Credentials("robot", self.secrets[0], CLIENT_ID, self.secrets[1], "Contoso"),
            settings=settings,
            tokens=self.tokens,
            budget=Budget(),
            connection="acumatica",
            request_timeout_s=timeout_s,
        )

    def draft(self, *cents: int, key: str = "20261020-1", day: date = DAY, text: str = "Travel") -> Draft:
        cents = cents or (12_540,)
        place = {"cost_center": "000000"}
        lines = [Line(at, "62000", amount, place, text) for at, amount in enumerate(cents, start=1)]
        payable = AP_ACCOUNT if self.kind == "bill" else "20100"
        lines.append(Line(len(lines) + 1, payable, -sum(cents), {}, text))
        return Draft(key, key, self.kind, "USD", day, day, f"Expensify {key}: October", tuple(lines))

    def stored(self, draft: Draft) -> list[Stored]:
        with self.sandbox.lock:
            return [self._stored(row) for row in self._rows(draft)]

    def _stored(self, row: Row) -> Stored:
        sign = -1 if row.text("Type") == "Debit Adj." else 1
        lines = row.details["Details"]
        return Stored(
            row.text("ReferenceNbr"),
            sign * row.cents("Amount"),
            tuple((line.text("Account"), sign * line.cents("ExtendedCost")) for line in lines),
            row.text("Status") != "Voided",
            tuple(line.text("TransactionDescription") for line in lines),
        )

    def _rows(self, draft: Draft) -> list[Row]:
        return [row for row in self.site.books.bills if row.text("VendorRef") == draft.reference]

    def remove_account(self, draft: Draft) -> str:
        accounts = self.site.books.all("Account")
        accounts[:] = [row for row in accounts if row.text("AccountCD") != "62000"]
        return "62000"

    def hold_account(self, draft: Draft) -> str:
        self.site.books.get("Account", AccountCD="62000").fields["Active"] = False
        return "62000"

    def close_period(self, day: date) -> None:
        # Without the restriction Acumatica posts to closed periods and only warns.
        self.site.books.preferences.restrict_closed_periods = True
        self.site.books.set_period(f"{day:%m%Y}")

    def void(self, draft: Draft) -> None:
        (row,) = self._rows(draft)
        row.fields["Status"] = "Voided"

    def alter(self, draft: Draft) -> None:
        (row,) = self._rows(draft)
        row.fields["Amount"] = Decimal("125.41")

    def expire(self) -> None:
        with self.sandbox.lock:
            self.site.doors.revoke_all()

    def live_secrets(self) -> tuple[str, ...]:
        with self.sandbox.lock:
            chains = self.site.doors.chains
            return tuple(
                secret for chain in chains for secret in (*chain.access, chain.refresh, chain.cookie) if secret
            )


class JournalAdapter(BillAdapter):
    look_up = "GET JournalTransaction"
    create = "PUT JournalTransaction"
    kind = "journal"
    changes: ClassVar[dict[str, Any]] = {"document": "journal"}

    def _rows(self, draft: Draft) -> list[Row]:
        begins = f"Expensify {draft.reference}:"
        return [row for row in self.site.books.batches if row.text("Description").startswith(begins)]

    def _stored(self, row: Row) -> Stored:
        lines = row.details["Details"]
        amounts = [(line.text("Account"), line.cents("DebitAmount") - line.cents("CreditAmount")) for line in lines]
        return Stored(
            row.text("BatchNbr"),
            sum(cents for _, cents in amounts if cents > 0),
            tuple(amounts),
            row.text("Status") != "Voided",
            tuple(line.text("TransactionDescription") for line in lines),
        )

    def alter(self, draft: Draft) -> None:
        (row,) = self._rows(draft)
        row.details["Details"][0].fields["DebitAmount"] = Decimal("125.41")


class CookieAdapter(BillAdapter):
    """The legacy login: each client has a session of its own and logs it out."""

    log_on = "login"
    keeps_token = False
    changes: ClassVar[dict[str, Any]] = {"document": "bill", "vendor": "EMPLOYEES", "auth": "cookie"}

    def open_sessions(self) -> int:
        with self.sandbox.lock:
            return self.site.doors.seated


class ReleaseAdapter(BillAdapter):
    """Every bill is released right after it was made."""

    changes: ClassVar[dict[str, Any]] = {
        "document": "bill", "vendor": "EMPLOYEES", "release": True, "release_poll_s": 0.01,
    }  # fmt: skip


class TestBill(Conformance):
    adapter_class = BillAdapter


class TestJournal(Conformance):
    adapter_class = JournalAdapter


class TestCookie(Conformance):
    adapter_class = CookieAdapter


class TestRelease(Conformance):
    adapter_class = ReleaseAdapter
