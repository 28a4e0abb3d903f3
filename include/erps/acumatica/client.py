"""Acumatica as an ERP: one session with one tenant."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date, datetime
from types import TracebackType
from typing import Self

from include.erps.acumatica.access import Access, CookieAccess, Credentials, OAuthAccess, store_name
from include.erps.acumatica.checks import Checks
from include.erps.acumatica.documents import put_of
from include.erps.acumatica.finding import Finding
from include.erps.acumatica.listing import Listing
from include.erps.acumatica.lookups import Lookups
from include.erps.acumatica.outcomes import Outcomes
from include.erps.acumatica.reference import Reference
from include.erps.acumatica.releasing import Releasing
from include.erps.acumatica.session import Session
from include.erps.acumatica.settings import AcumaticaSettings
from include.erps.acumatica.site import Site
from include.erps.kept_answers import KeptAnswers
from include.erps.port import DocumentList, DocumentsAsked, Draft, ErpDocument, Verdict
from include.erps.shared_state import TokenStore
from include.erps.site import SiteCheck, SiteQuestions
from include.errors import Misconfigured, NotExecuted, Rejected, Retryable, UnknownOutcome
from include.reference_data import source
from include.request_budget import RequestBudget
from include.transport import HttpClient, NoAnswer, NotSent, require_https


class AcumaticaErp:
    """Implements :class:`include.erps.port.Erp`. Nothing is sent before the first call.

    :param base_url: scheme, host and port; https unless the host is this machine or ``allow_http`` is set. The instance's
        path is ``settings.base_path``.
    :param tokens: where OAuth tokens are kept between tasks. :param budget: requests per minute, shared by all tasks.
    :param connection: names the connection in ``tokens``.
    :param signs_out: end the session when left, because ``tokens`` are not shared with anybody.
    :param verify: check certificates (true), or the path of a CA bundle.
    :raises Misconfigured: the address is wrong.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        *,
        settings: AcumaticaSettings,
        tokens: TokenStore,
        budget: RequestBudget | None = None,
        connection: str = "",
        signs_out: bool = False,
        verify: bool | str = True,
        request_timeout_s: float | None = None,
        clock: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        require_https(
            base_url, "Acumatica", "password and tokens travel in the requests", allow_http=settings.allow_http
        )
        try:
            http = HttpClient(
                base_url,
                verify=verify,
                request_timeout_s=request_timeout_s or settings.request_timeout_s,
                secrets=(credentials.password, credentials.client_secret),
            )
        except (ValueError, OSError) as error:
            raise Misconfigured(f"The Acumatica connection: {error}") from None
        access: Access
        if settings.auth == "oauth":
            access = OAuthAccess(http, settings, credentials, tokens, connection, clock, signs_out=signs_out)
        else:
            access = CookieAccess(http, settings, credentials)
        self._settings = settings
        self._session = Session(http, settings, access, budget, wait)
        name = store_name(base_url, settings, credentials, connection)
        self._lookups = Lookups(self._session, settings, KeptAnswers(tokens, "acumatica", name, clock=clock))
        self._checks = Checks(settings, self._lookups)
        self._finding = Finding(settings, self._lookups)
        self._listing = Listing(settings, self._lookups, self._finding)
        self._outcomes = Outcomes(settings, self._session.masked)
        self._releasing = Releasing(self._session, settings, self._finding, wait)
        self._site = Site(settings, self._session, self._lookups, self._checks)
        self.reference = Reference(self._session, settings)

    def changed_employees(self, since: datetime | None) -> list[source.Employee]:
        """See :class:`include.reference_data.source.GivesEmployees`."""
        return [
            source.Employee(
                one.id, one.email, one.first_name, one.last_name, one.manager_id, one.active, display_name=one.name
            )
            for one in self.reference.employees(since).rows
        ]

    def active_gl_accounts(self) -> set[str]:
        """See :class:`include.reference_data.source.GivesAccounts`."""
        return {account.code for account in self.reference.accounts().rows if account.active}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def check(self, drafts: Sequence[Draft]) -> list[Verdict]:
        """The endpoint's version; accounts, subaccounts, projects, payees, currency and period of all drafts.

        ``details`` get ``period``, and ``vendor`` of a bill or ``ledger`` of a journal. The drafts' own rules
        (:meth:`AcumaticaSettings.problems`) are the caller's part.

        :raises Retryable: Acumatica could not be asked. :raises Misconfigured: sign-in, endpoint, branch, ledger or rights.
        """
        if not drafts:
            return []
        self._session.check_endpoint()
        return self._checks.verdicts(drafts)

    def ask_anew(self) -> None:
        """See :class:`include.erps.port.KeepsAnswers`."""
        self._lookups.kept.ask_anew()

    def find(self, draft: Draft) -> list[ErpDocument]:
        """Bills (or debit adjustments, for a negative total) by VendorRef, journals by the beginning of their description.

        :raises LookupFailed: no reliable answer.
        """
        return self._finding.find(draft)

    def documents(self, asked: DocumentsAsked) -> DocumentList:
        """Bills by their description and VendorRef, journals by their description, with their lines, page by page.

        :raises LookupFailed: the list would be incomplete.
        """
        return self._listing.documents(asked)

    def create(self, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
        """Put the document, once; see :meth:`include.erps.port.Erp.create`."""
        problems = self._settings.problems(draft)
        if problems:
            raise Rejected(f"{draft.reference} is not sent: {problems[0].message}. {problems[0].fix}")
        try:
            put = put_of(self._settled(draft), self._settings)
            self._require_open_period(draft)
            self._session.prepare()
        except Retryable as error:
            raise NotExecuted(f"{draft.reference} is not sent: {error}", error.delay_s) from None
        before_send(put.text)
        parameters = {"$expand": "Details", "$select": f"{put.select},Details"}
        try:
            answer = self._session.put_once(put.entity, put.text, parameters)
        except NotSent as error:
            raise NotExecuted(f"{draft.reference} did not reach Acumatica: {error}") from None
        except NoAnswer as error:
            raise UnknownOutcome(f"{draft.reference} was sent to Acumatica: {error}") from None
        return self._outcomes.created(draft, answer)

    def next_open_date(self, draft: Draft) -> date | None:
        """The first day of the next open period after the draft's; ``None`` when the calendar has none.

        :raises Retryable: Acumatica could not be asked.
        """
        return self._checks.next_open_date(draft)

    def complete(self, draft: Draft, document: ErpDocument) -> ErpDocument:
        """Release the document where ``release`` is set; else it is left to the accountant, unchanged.

        :raises Retryable: it stands, and is not released yet; a further call tries only that.
        """
        return self._releasing.release(draft, document) if self._settings.release else document

    def site_checks(self, questions: SiteQuestions) -> list[SiteCheck]:
        """Sign-in, endpoint version, branch and ledger with its currency; periods and payees show in :meth:`check`."""
        return self._site.checks(questions)

    def _require_open_period(self, draft: Draft) -> None:
        closed = self._checks.closed_meanwhile(draft)
        if closed is not None:
            raise Rejected(f"{draft.reference} is not sent: {closed.message}. {closed.fix}; then clear the task")

    def _settled(self, draft: Draft) -> Draft:
        """The draft with what the check settles; checked now when that has not been done."""
        if "period" in draft.details and ("vendor" if draft.kind == "bill" else "ledger") in draft.details:
            return draft
        (verdict,) = self._checks.verdicts([draft])
        if verdict.problems:
            problem = verdict.problems[0]
            raise Rejected(f"{draft.reference} is not sent: {problem.message}. {problem.fix}")
        return verdict.draft
