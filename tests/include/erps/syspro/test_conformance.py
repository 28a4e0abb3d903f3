from datetime import date
from typing import Any, ClassVar

from include.erps.port import AP_ACCOUNT, Draft, Kind, Line
from include.erps.syspro.client import SysproErp
from include.erps.syspro.settings import SysproSettings
from include.sandbox.server import Sandbox
from include.sandbox.syspro import Company, Journal, Operator
from tests.include.erps.adapter import DAY, Adapter, Stored
from tests.include.erps.conformance import Conformance
from tests.include.erps.shared_state import Tokens


class SysproAdapter(Adapter):
    service = "syspro"
    look_up = "Query/Query:COMFND"
    create = "Transaction/Post:GENTJL"
    log_on = "Logon"
    prefix = "EXP-"
    # Windows-1252 has neither the stroke nor the ideograph.
    text_kept = "Café & <Ló> \"5%\" 'é' ? €"
    transport: ClassVar[str] = "rest"
    changes: ClassVar[dict[str, Any]] = {}
    kind: ClassVar[Kind] = "journal"

    def __init__(self) -> None:
        self.sandbox = Sandbox()
        self.secrets = ("pa ss+&%/word", "c&o mpany")
        syspro = self.sandbox.syspro
        syspro.today = lambda: date(2026, 11, 21)
        syspro.add_operator(Operator("ROBOT", self.secrets[0]))
        self.company = syspro.add_company(
            Company("EDU1", year=2026, period=11, first_number=412, password=self.secrets[1])
        )
        self.company.add_account("6100-100", "Travel")
        self.company.add_account("2150-00", "Reimbursements payable", type="L")
        self.company.add_account("2100-00", "Payables control", type="L", control=True)
        self.company.add_supplier("101", "Employees")
        self.tokens = Tokens()

    def open(self, *, timeout_s: float = 5.0) -> SysproErp:
        settings = SysproSettings.model_validate(
            {
                "type": "syspro",
                "connection": "syspro",
                "pool": "syspro",
                "transport": self.transport,
                "query_attempts": 1,
                **self.changes,
            }
        )
        return SysproErp(
            self.sandbox.url,
            "ROBOT",
            *self.secrets[:1],
            "EDU1",
            self.secrets[1],
            settings=settings,
            request_timeout_s=timeout_s,
            shared=self.tokens,
        )

    def draft(self, *cents: int, key: str = "20261020-1", day: date = DAY, text: str = "Travel") -> Draft:
        cents = cents or (12_540,)
        lines = [Line(at, "6100-100", amount, {}, text) for at, amount in enumerate(cents, start=1)]
        payable = AP_ACCOUNT if self.kind == "bill" else "2150-00"
        lines.append(Line(len(lines) + 1, payable, -sum(cents), {}, text))
        return Draft(key, f"EXP-{key}", self.kind, "USD", day, day, "Expensify 2026-10-20", tuple(lines))

    def stored(self, draft: Draft) -> list[Stored]:
        with self.sandbox.lock:
            return [
                Stored(
                    f"{one.year}/{one.number}",
                    one.debit_cents,
                    tuple((line.ledger_code, line.cents) for line in one.lines),
                    not one.cancelled,
                    tuple(line.comment for line in one.lines),
                )
                for one in self._journals(draft)
            ]

    def remove_account(self, draft: Draft) -> str:
        del self.company.accounts["6100-100"]
        return "6100-100"

    def hold_account(self, draft: Draft) -> str:
        self.company.put_account_on_hold("6100-100")
        return "6100-100"

    def close_period(self, day: date) -> None:
        self.company.close_period(day.year, day.month)

    def void(self, draft: Draft) -> None:
        (journal,) = self._journals(draft)
        self.company.cancel_journal(journal.year, journal.number)

    def alter(self, draft: Draft) -> None:
        (journal,) = self._journals(draft)
        self.company.alter_journal(journal.year, journal.number, 1, 12_541)

    def expire(self) -> None:
        with self.sandbox.lock:
            self.sandbox.syspro.expire_sessions()

    def live_secrets(self) -> tuple[str, ...]:
        with self.sandbox.lock:
            return tuple(self.sandbox.syspro.sessions.open)

    def open_sessions(self) -> int:
        with self.sandbox.lock:
            return len(self.sandbox.syspro.sessions.open)

    def _journals(self, draft: Draft) -> list[Journal]:
        journals = self.company.journals
        return [one for one in journals if one.lines[0].reference == draft.reference and one.source == "GJ"]


class SysproSoapAdapter(SysproAdapter):
    transport = "soap"


class SysproInvoiceAdapter(SysproAdapter):
    """Invoices of one supplier; SYSPRO refuses a second one with the same number, and net refunds are held before."""

    create = "Transaction/Post:APSTIN"
    changes: ClassVar[dict[str, Any]] = {"document": "ap_invoice", "supplier": "0000101"}
    kind = "bill"
    takes_refunds = False
    takes_reference_twice = False
    voids = False

    def stored(self, draft: Draft) -> list[Stored]:
        with self.sandbox.lock:
            return [
                Stored(
                    f"0000101/{one.invoice}",
                    one.cents,
                    tuple((line.ledger_code, line.cents) for line in one.lines),
                    texts=tuple(line.comment for line in one.lines),
                )
                for one in self.company.invoices
                if one.invoice == draft.reference
            ]

    def close_period(self, day: date) -> None:
        # Payables count back from the current period: October is the previous one of November.
        assert day == DAY
        self.company.ap_closed.add("P")

    def alter(self, draft: Draft) -> None:
        (invoice,) = (one for one in self.company.invoices if one.invoice == draft.reference)
        invoice.cents += 1


class TestRest(Conformance):
    adapter_class = SysproAdapter


class TestSoap(Conformance):
    adapter_class = SysproSoapAdapter


class TestInvoice(Conformance):
    adapter_class = SysproInvoiceAdapter
