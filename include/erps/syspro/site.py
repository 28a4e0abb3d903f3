"""What must be right at a SYSPRO site before anything is posted."""

from __future__ import annotations

from dataclasses import dataclass

from include.erps.site import Finding, SiteCheck, SiteQuestions, currency_findings, ok
from include.erps.syspro.lookups import Lookups
from include.erps.syspro.session import Session
from include.erps.syspro.settings import SysproSettings


@dataclass(frozen=True)
class Site:
    """The questions of one company."""

    settings: SysproSettings
    session: Session
    lookups: Lookups
    operator: str
    company_id: str

    def checks(self, questions: SiteQuestions) -> list[SiteCheck]:
        """See :meth:`include.erps.port.Erp.site_checks`."""
        return [
            SiteCheck("log-on", self._log_on),
            SiteCheck("queries", lambda: self._chart(questions)),
            SiteCheck("ledger", lambda: self._ledger(questions)),
            *([SiteCheck("supplier", self._supplier)] if self.settings.supplier else []),
        ]

    def _log_on(self) -> list[Finding]:
        channel = self.session.sign_in()
        who = f"operator {self.operator} is logged on to company {self.company_id}"
        return ok("log-on", f"{who} over {channel}; it needs an e.net licence, and no other program may use it")

    def _known(self, questions: SiteQuestions) -> list[str]:
        """Accounts that exist. The look-up itself proves that the ledger's tables may be read."""
        codes = list(dict.fromkeys(questions.accounts))
        found = self.lookups.accounts(codes)
        return [code for code in codes if code in found]

    def _chart(self, questions: SiteQuestions) -> list[Finding]:
        known = self._known(questions)
        return ok(
            "queries",
            f"the ledger's tables can be read (COMFND); {len(known)} of our accounts were asked for and found",
        )

    def _ledger(self, questions: SiteQuestions) -> list[Finding]:
        known = self._known(questions)
        if not known:
            return [
                Finding(
                    "warning",
                    "ledger",
                    "SYSPRO tells currency and current period only together with an account that exists, and none does",
                    "correct posting.credit in the tenant file, then ask again",
                )
            ]
        current = self.lookups.current(known[0])
        wanted = self.settings.currency_codes.get(questions.currency, questions.currency)
        fix = "correct posting.currency, or say in erp.currency_codes how SYSPRO names this currency"
        return [
            *ok("ledger", f"its current period is {current.year}/{current.period:02d}"),
            *currency_findings("SYSPRO", current.currency, wanted, fix),
        ]

    def _supplier(self) -> list[Finding]:
        supplier = self.settings.supplier
        assert supplier is not None
        match self.lookups.supplier_on_hold(supplier):
            case False:
                return ok("supplier", f"{supplier} exists and is not on hold")
            case None:
                fix = "correct erp.supplier (numeric codes carry leading zeros), or add the supplier in SYSPRO"
                return [Finding("blocking", "supplier", f"SYSPRO has no supplier {supplier}", fix)]
            case _:
                return [
                    Finding("blocking", "supplier", f"the supplier {supplier} is on hold in SYSPRO", "release it there")
                ]
