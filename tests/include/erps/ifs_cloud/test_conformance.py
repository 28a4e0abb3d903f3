from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from include.erps.ifs_cloud.client import IfsCloudErp
from include.erps.ifs_cloud.settings import IfsCloudSettings
from include.erps.port import Draft, Line
from include.errors import NotExecuted
from include.sandbox.ifs_cloud import Client, Company, IfsCloud, Voucher
from include.sandbox.server import Sandbox
from tests.include.erps.adapter import DAY, Adapter, Stored
from tests.include.erps.conformance import Conformance
from tests.include.erps.shared_state import Budget, Tokens


class IfsCloudAdapter(Adapter):
    service = "ifs_cloud"
    look_up = "HoldRows"
    create = "Create"
    log_on = "Token"
    keeps_token = True
    questions_per_document = 1
    definite: ClassVar[dict[str, type[Exception]]] = {"429": NotExecuted}
    in_ledger: ClassVar[bool] = False
    """Whether vouchers move to the ledger at once."""
    changes: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        self.secrets = ("s3cr+t &%/é",)
        self.ifs = IfsCloud()
        # Nothing paces the requests here, as the ledger's budget does in a task.
        self.ifs.limit.requests = 1_000_000
        self.ifs.today = lambda: date(2026, 11, 21)
        self.ifs.update_after_s = 0 if self.in_ledger else None
        self.ifs.add_client(Client("expensify", self.secrets[0], {"10"}))
        self.company = self.ifs.add_company(Company("10", "Acme Field Services"))
        self.company.add_account("4010", "Travel", {"B": "Mandatory"})
        self.company.add_account("2410", "Accrued expenses", {"B": "Blocked"})
        self.company.add_code("B", "100", "Service north")
        self.company.add_year(2026)
        self.sandbox = Sandbox(self.ifs)
        self.tokens = Tokens()

    def open(self, *, timeout_s: float = 5.0) -> IfsCloudErp:
        values = {"type": "ifs_cloud", "connection": "ifs", "company": "10", "query_attempts": 1, "back_off_s": 0.0}
        return IfsCloudErp(
            self.sandbox.url,
            "expensify",
            self.secrets[0],
            token_path="/auth/realms/acme1/protocol/openid-connect/token",
            settings=IfsCloudSettings.model_validate({**values, **self.changes}),
            tokens=self.tokens,
            budget=Budget(),
            request_timeout_s=timeout_s,
        )

    def draft(self, *cents: int, key: str = "20261020-1", day: date = DAY, text: str = "Travel") -> Draft:
        cents = cents or (12_540,)
        lines = [Line(at, "4010", amount, {"cost_center": "100"}, text) for at, amount in enumerate(cents, start=1)]
        lines.append(Line(len(lines) + 1, "2410", -sum(cents), {}, text))
        return Draft(key, key, "journal", "USD", day, day, "Expensify 2026-10-20", tuple(lines))

    def stored(self, draft: Draft) -> list[Stored]:
        with self.sandbox.lock:
            return [
                Stored(
                    f"M/2026/{one.number}",
                    sum(int((row.debit or 0) * 100) for row in one.rows),
                    tuple((row.account, int(((row.debit or 0) - (row.credit or 0)) * 100)) for row in one.rows),
                    one.status != "Cancelled",
                    tuple(row.text or "" for row in one.rows),
                )
                for one in self._vouchers(draft)
            ]

    def remove_account(self, draft: Draft) -> str:
        with self.sandbox.lock:
            del self.company.codes["A", "4010"]
            del self.company.accounts["4010"]
        return "4010"

    def hold_account(self, draft: Draft) -> str:
        self.company.codes["A", "4010"].blocked = True
        return "4010"

    def close_period(self, day: date) -> None:
        period = self.company.period_of(day)
        assert period is not None
        period.open = False

    def void(self, draft: Draft) -> None:
        (voucher,) = self._vouchers(draft)
        voucher.status = "Cancelled"

    def alter(self, draft: Draft) -> None:
        (voucher,) = self._vouchers(draft)
        voucher.rows[0].debit = Decimal("125.41")

    def expire(self) -> None:
        with self.sandbox.lock:
            self.ifs.tokens.revoke()

    def live_secrets(self) -> tuple[str, ...]:
        with self.sandbox.lock:
            return tuple(self.ifs.tokens.live)

    def _vouchers(self, draft: Draft) -> list[Voucher]:
        return [one for one in self.company.vouchers if one.rows[0].reference == draft.reference]


class InLedgerAdapter(IfsCloudAdapter):
    """The update job runs at once; what lies in the ledger can no longer be cancelled."""

    look_up = "LedgerRows"
    in_ledger = True
    voids = False


class PerLetterAdapter(IfsCloudAdapter):
    changes: ClassVar[dict[str, Any]] = {"code_part_style": "per_letter"}


class TestHoldTable(Conformance):
    adapter_class = IfsCloudAdapter


class TestLedger(Conformance):
    adapter_class = InLedgerAdapter


class TestPerLetter(Conformance):
    adapter_class = PerLetterAdapter
