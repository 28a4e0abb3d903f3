"""What must be right at a Sage 100 site before anything is posted."""

from __future__ import annotations

from dataclasses import dataclass

from include.erps.sage_100.lookups import Lookups
from include.erps.sage_100.settings import Sage100Settings
from include.erps.site import Finding, SiteCheck, SiteQuestions, currency_findings, ok


@dataclass(frozen=True)
class Site:
    """The questions of one company."""

    settings: Sage100Settings
    lookups: Lookups

    def checks(self, questions: SiteQuestions) -> list[SiteCheck]:
        """See :meth:`include.erps.port.Erp.site_checks`."""
        return [
            SiteCheck("log-on", self._log_on),
            SiteCheck("accounts", lambda: self._accounts(questions)),
            SiteCheck("ledger currency", lambda: currency_findings("Sage 100", None, questions.currency, "")),
        ]

    def _log_on(self) -> list[Finding]:
        form = self.lookups.account_format()
        by = "the agent" if self.settings.api == "agent" else "the SOAP service with its journal extension"
        return ok(
            "log-on",
            f"{by} answers for company {self.settings.company_code} with {len(form.segments)} account segments; "
            f"journals go to source journal {self.settings.source_journal}, which only the first one proves",
        )

    def _accounts(self, questions: SiteQuestions) -> list[Finding]:
        form = self.lookups.account_format()
        wrong = []
        for account in questions.accounts:
            try:
                form.written(account)
            except ValueError as error:
                fix = "correct posting.credit or erp.account in the tenant file"
                wrong.append(Finding("blocking", "accounts", str(error), fix))
        return wrong or ok("accounts", "the tenant file writes accounts as the company does")
