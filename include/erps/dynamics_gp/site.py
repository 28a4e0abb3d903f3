"""What must be right at a Dynamics GP site before anything is posted."""

from __future__ import annotations

from dataclasses import dataclass

from include.erps.dynamics_gp.api import Api
from include.erps.dynamics_gp.settings import DynamicsGpSettings
from include.erps.site import Finding, SiteCheck, SiteQuestions, currency_findings, ok


@dataclass(frozen=True)
class Site:
    """The questions of one company."""

    settings: DynamicsGpSettings
    api: Api

    def checks(self, questions: SiteQuestions) -> list[SiteCheck]:
        """See :meth:`include.erps.port.Erp.site_checks`."""
        return [
            SiteCheck("log-on", lambda: ok("log-on", self.api.sign_in())),
            SiteCheck("company", self._company),
            SiteCheck("new journals", lambda: ok("new journals", self.api.may_post())),
            SiteCheck("ledger currency", lambda: self._currency(questions)),
        ]

    def _company(self) -> list[Finding]:
        self.api.open()
        number = self.api.company_details().get("company_id")
        called = self.settings.company_name or f"number {self.settings.company_id}"
        return ok("company", f"{called} can be seen" + (f", its id is {number}" if number is not None else ""))

    def _currency(self, questions: SiteQuestions) -> list[Finding]:
        return currency_findings("Dynamics GP", None, questions.currency, "")
