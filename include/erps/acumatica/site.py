"""What must be right at an Acumatica site before anything is posted."""

from __future__ import annotations

from dataclasses import dataclass

from include.erps.acumatica.checks import Checks
from include.erps.acumatica.lookups import Lookups
from include.erps.acumatica.session import Session
from include.erps.acumatica.settings import AcumaticaSettings
from include.erps.site import Finding, SiteCheck, SiteQuestions, currency_findings, ok


@dataclass(frozen=True)
class Site:
    """The questions of one tenant."""

    settings: AcumaticaSettings
    session: Session
    lookups: Lookups
    checking: Checks

    def checks(self, questions: SiteQuestions) -> list[SiteCheck]:
        """See :meth:`include.erps.port.Erp.site_checks`."""
        return [
            SiteCheck("sign-in", self._sign_in),
            SiteCheck("endpoint", self._endpoint),
            SiteCheck("branch and ledger", lambda: self._ledger(questions)),
        ]

    def _sign_in(self) -> list[Finding]:
        self.session.sign_in()
        how = "the connected application" if self.settings.auth == "oauth" else "a login of its own"
        return ok("sign-in", f"the user is signed in through {how}; it holds one session of the API licence")

    def _endpoint(self) -> list[Finding]:
        self.session.check_endpoint()
        return ok("endpoint", f"the site offers {self.settings.endpoint} in version {self.settings.version}")

    def _ledger(self, questions: SiteQuestions) -> list[Finding]:
        ledger = self.checking.ledger()
        branches = ", ".join(sorted(name for name, active in ledger.branches.items() if active)) or "none"
        seen = f"ledger {ledger.id} ({ledger.type}), branches {branches}"
        return [
            *ok("branch and ledger", f"{seen}; erp.branch is {self.settings.branch or 'not set'}"),
            *currency_findings(
                "Acumatica", ledger.currency, questions.currency, "correct posting.currency, erp.branch or erp.ledger"
            ),
        ]
