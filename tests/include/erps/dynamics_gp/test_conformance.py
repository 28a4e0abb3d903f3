import tempfile
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import pytest

from include.erps.dynamics_gp.client import DynamicsGpErp
from include.erps.dynamics_gp.settings import DynamicsGpSettings
from include.erps.port import Draft, Line
from include.sandbox.dynamics_gp import Company, DynamicsGp, WindowsAccount
from include.sandbox.server import Sandbox
from tests.include.erps.adapter import DAY, Adapter, Stored
from tests.include.erps.conformance import Conformance
from tests.include.erps.shared_state import Tokens


class SoapAdapter(Adapter):
    """Over SOAP only the tenant's calendar file knows which periods are closed, so the server refuses none."""

    service = "dynamics_gp"
    look_up = "GetGLTransactionList"
    create = "CreateGLTransaction"
    prefix = "EXP "
    questions_per_document = 1
    refuses_closed_period = False
    changes: ClassVar[dict[str, Any]] = {"api": "soap", "company_id": 7}
    auth: ClassVar[Any] = "ntlm"

    def __init__(self) -> None:
        gp = DynamicsGp()
        self.sandbox = Sandbox(gp)
        self.secrets = ("Pa ss+&%/é-word",)
        self.gp = gp
        gp.door.add(WindowsAccount("FABRIKAM\\svc_expense", self.secrets[0]))
        self.company = gp.add_company(Company(7, "Fabrikam, Inc."))
        self.company.add_months(2026)
        self.company.add_account("100-6100-00", "Travel")
        self.company.add_account("100-6200-00", "Meals")
        self.company.add_account("000-2150-00", "Reimbursements payable")
        self.company.add_cost_center("100", "Plant")
        self.tokens = Tokens()
        self.folder = tempfile.TemporaryDirectory()
        self.closed: set[int] = set()

    def open(self, *, timeout_s: float = 5.0) -> DynamicsGpErp:
        values = {"type": "dynamics_gp", "connection": "gp", "company": "Fabrikam, Inc.", "query_attempts": 1}
        settings = DynamicsGpSettings.model_validate({**values, **self.changes, **self._calendar()})
        return DynamicsGpErp(
            self.sandbox.url,
            "FABRIKAM\\svc_expense",
            self.secrets[0],
            auth=self.auth,
            settings=settings,
            request_timeout_s=timeout_s,
            shared=self.tokens,
        )

    def _calendar(self) -> dict[str, str]:
        file = Path(self.folder.name, "fiscal.csv")
        rows = [
            f"{one.first_day},{one.last_day},{one.year},{one.number},{'no' if one.number in self.closed else 'yes'}"
            for one in self.company.periods
        ]
        file.write_text("\n".join(["first_day,last_day,year,period,open", *rows]))
        return {"fiscal_calendar": str(file)}

    def draft(self, *cents: int, key: str = "20261020-1", day: date = DAY, text: str = "Travel") -> Draft:
        cents = cents or (12_540,)
        dimensions = {"cost_center": "100"}
        lines = [Line(at, "100-6100-00", amount, dimensions, text) for at, amount in enumerate(cents, start=1)]
        lines.append(Line(len(lines) + 1, "000-2150-00", -sum(cents), {}, text))
        return Draft(key, f"EXP {key}", "journal", "USD", day, day, "Expensify 2026-10-20", tuple(lines))

    def stored(self, draft: Draft) -> list[Stored]:
        with self.sandbox.lock:
            return [
                Stored(
                    str(one.number),
                    one.debit_cents,
                    tuple((line.account, line.cents) for line in one.lines),
                    not one.voided,
                    tuple(line.description for line in one.lines),
                )
                for one in self.company.under(draft.reference)
            ]

    def remove_account(self, draft: Draft) -> str:
        del self.company.accounts["100-6100-00"]
        return "100-6100-00"

    def hold_account(self, draft: Draft) -> str:
        self.company.accounts["100-6100-00"].active = False
        return "100-6100-00"

    def close_period(self, day: date) -> None:
        self.closed.add(day.month)

    def void(self, draft: Draft) -> None:
        (one,) = self.company.under(draft.reference)
        self.company.void(one.number)

    def alter(self, draft: Draft) -> None:
        (one,) = self.company.under(draft.reference)
        self.company.alter(one.number, 16384, 12_541)

    def expire(self) -> None:
        with self.sandbox.lock:
            self.gp.door.expire()


class SoapByNameAdapter(SoapAdapter):
    """The company's id is found by its name; Negotiate instead of NTLM; the server asks again for every request."""

    changes: ClassVar[dict[str, Any]] = {"api": "soap"}
    auth: ClassVar[Any] = "negotiate"

    def __init__(self) -> None:
        super().__init__()
        self.gp.door.persists = False


class SbaAdapter(SoapAdapter):
    look_up = "GET JournalEntries"
    create = "POST JournalEntries"
    refuses_closed_period = True
    changes: ClassVar[dict[str, Any]] = {"api": "sba"}

    def _calendar(self) -> dict[str, str]:
        return {}

    def close_period(self, day: date) -> None:
        self.company.refuses_closed_periods = True
        self.company.close_period(day)


class TestSoap(Conformance):
    adapter_class = SoapAdapter


@pytest.fixture
def no_kerberos(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A host that knows no KDC and does not look for one in the DNS: Negotiate then speaks NTLM."""
    (tmp_path / "krb5.conf").write_text("[libdefaults]\n dns_lookup_kdc = false\n dns_lookup_realm = false\n")
    monkeypatch.setenv("KRB5_CONFIG", str(tmp_path / "krb5.conf"))


@pytest.mark.usefixtures("no_kerberos")
class TestSoapByName(Conformance):
    adapter_class = SoapByNameAdapter


class TestSba(Conformance):
    adapter_class = SbaAdapter
