"""What must be right at an IFS Cloud site before anything is posted."""

from __future__ import annotations

from dataclasses import dataclass

from include.erps.ifs_cloud.checks import Checks
from include.erps.ifs_cloud.lookups import Lookups
from include.erps.ifs_cloud.session import Session
from include.erps.ifs_cloud.settings import IfsCloudSettings
from include.erps.site import Finding, SiteCheck, SiteQuestions, currency_findings, ok

_NO_DOCUMENT = "PREFLIGHT"


@dataclass(frozen=True)
class Site:
    """The questions of one company."""

    settings: IfsCloudSettings
    session: Session
    lookups: Lookups
    checking: Checks

    def checks(self, questions: SiteQuestions) -> list[SiteCheck]:
        """See :meth:`include.erps.port.Erp.site_checks`."""
        return [
            SiteCheck("token", self._token),
            SiteCheck("company", lambda: self._company(questions)),
            SiteCheck("voucher type", self._voucher_type),
            SiteCheck("projections", lambda: self._projections(questions)),
        ]

    def _token(self) -> list[Finding]:
        self.session.sign_in()
        return ok("token", "the client has a token of the service user")

    def _company(self, questions: SiteQuestions) -> list[Finding]:
        currency = self.lookups.company_currency()
        fix = "correct posting.currency or erp.company in the tenant file"
        return [
            *ok("company", f"{self.settings.company_id} can be seen by the service user"),
            *currency_findings("IFS", currency, questions.currency, fix),
        ]

    def _voucher_type(self) -> list[Finding]:
        self.checking.check_posting()
        return ok("voucher type", f"{self.settings.voucher_type} exists, its template and user group can be read")

    def _projections(self, questions: SiteQuestions) -> list[Finding]:
        """Everything that posting reads, asked once; a projection that is not granted says so here."""
        names = self.settings.projections
        self.lookups.prove_readable(self.settings.reference_serie, _NO_DOCUMENT)
        self.lookups.code_values("A", sorted(questions.accounts)[:1] or [_NO_DOCUMENT])
        self.lookups.periods(min(questions.days), max(questions.days))
        granted = [names.posting, names.hold, names.ledger, names.company, names.periods]
        if self.settings.code_part_style == "one_set":
            granted.append(names.code_parts)
        if self.settings.check_accounts:
            self.lookups.demands(sorted(questions.accounts)[:1] or [_NO_DOCUMENT])
            granted.append(names.accounts)
        return ok("projections", f"{', '.join(granted)} can be read")
