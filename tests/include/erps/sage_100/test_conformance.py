from datetime import date
from typing import Any, ClassVar

from include.erps.port import Draft, Line
from include.erps.sage_100.channel import Credentials
from include.erps.sage_100.client import Sage100Erp
from include.erps.sage_100.settings import Sage100Settings
from include.errors import NotExecuted
from include.sandbox.sage_100 import Company, Entry, Sage100, User
from include.sandbox.server import Sandbox
from tests.include.erps.adapter import DAY, Adapter, Stored
from tests.include.erps.conformance import Conformance
from tests.include.erps.shared_state import Tokens


class AgentAdapter(Adapter):
    service = "sage_100"
    look_up = "agent:FindEntries"
    lists_unknown = False
    questions_per_document = 1
    create = "agent:CreateEntry"
    # Windows-1252 has neither the stroke nor the ideograph.
    text_kept = "Café & <Ló> \"5%\" 'é' ? €"
    # A request limit is answered before anything is read.
    definite: ClassVar[dict[str, type[Exception]]] = {"429": NotExecuted}
    api: ClassVar[str] = "agent"
    changes: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        self.secrets = ("pa ss+&%/word", "agent k&ey")
        sage = Sage100()
        sage.add_user(User("ROBOT", self.secrets[0]))
        sage.api_keys.add(self.secrets[1])
        self.sandbox = Sandbox(sage)
        self.company = sage.add_company(Company("ABC"))
        self.company.add_account("600-01-00", "Travel, Sales")
        self.company.add_account("600-02-00", "Travel, Service")
        self.company.add_account("200-00-00", "Reimbursements payable", type="05")
        self.company.add_year(2026)
        self.tokens = Tokens()

    def open(self, *, timeout_s: float = 5.0) -> Sage100Erp:
        changes: dict[str, Any] = {"lookup_attempts": 1, "retry_base_s": 0, "retry_cap_s": 0, **self.changes}
        settings = Sage100Settings.model_validate(
            {"type": "sage_100", "connection": "sage", "pool": "sage", "company": "ABC", "api": self.api, **changes}
        )
        credentials = Credentials("ROBOT", *self.secrets)
        return Sage100Erp(
            self.sandbox.url, credentials, settings=settings, request_timeout_s=timeout_s, shared=self.tokens
        )

    def draft(self, *cents: int, key: str = "20261020-1", day: date = DAY, text: str = "Travel") -> Draft:
        cents = cents or (12_540,)
        lines = [Line(at, "600-01-00", amount, {}, text) for at, amount in enumerate(cents, start=1)]
        lines.append(Line(len(lines) + 1, "200-00-00", -sum(cents), {}, text))
        return Draft(key, key, "journal", "USD", day, day, "Expensify report", tuple(lines))

    def stored(self, draft: Draft) -> list[Stored]:
        with self.sandbox.lock:
            return [
                Stored(
                    one.number,
                    one.debit_cents,
                    tuple((line.account, line.debit_cents - line.credit_cents) for line in one.lines),
                    texts=tuple(line.comment for line in one.lines),
                )
                for one in self.company.by_reference(draft.reference)
            ]

    def remove_account(self, draft: Draft) -> str:
        del self.company.accounts["600-01-00"]
        return "600-01-00"

    def hold_account(self, draft: Draft) -> str:
        self.company.accounts["600-01-00"].status = "I"
        return "600-01-00"

    def close_period(self, day: date) -> None:
        self.company.close_period(day.year, day.month)

    def void(self, draft: Draft) -> None:
        entry = self._entry(draft)
        self.company.delete_entry(entry.source_journal, entry.number)

    def alter(self, draft: Draft) -> None:
        self._entry(draft).lines[0].debit_cents += 1

    def expire(self) -> None:
        """There is no session: every request logs on."""

    def _entry(self, draft: Draft) -> Entry:
        (entry,) = self.company.by_reference(draft.reference)
        return entry


class SoapAdapter(AgentAdapter):
    look_up = "soap:GetGLJournalEntries"
    create = "soap:CreateGLJournalEntry"
    api = "soap"


class RememberingAgentAdapter(AgentAdapter):
    """Asks for an account once a minute: for a Sage that refuses missing accounts by itself."""

    changes: ClassVar[dict[str, Any]] = {"account_recheck_s": 60}


class RememberingSoapAdapter(SoapAdapter):
    changes: ClassVar[dict[str, Any]] = {"account_recheck_s": 60}


class TestAgent(Conformance):
    adapter_class = AgentAdapter


class TestSoap(Conformance):
    adapter_class = SoapAdapter
