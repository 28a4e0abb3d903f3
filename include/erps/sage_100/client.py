"""Sage 100 as an ERP: one company, through the agent or the SOAP extension."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from types import TracebackType
from typing import Any, Self

import httpx

from include.erps.kept_answers import KeptAnswers
from include.erps.port import DocumentList, DocumentsAsked, Draft, ErpDocument, Verdict
from include.erps.sage_100 import answers
from include.erps.sage_100.agent import AgentChannel
from include.erps.sage_100.channel import Channel, Credentials
from include.erps.sage_100.checks import Checks
from include.erps.sage_100.documents import entry
from include.erps.sage_100.lookups import Lookups
from include.erps.sage_100.session import Session
from include.erps.sage_100.settings import Sage100Settings
from include.erps.sage_100.site import Site
from include.erps.shared_state import TokenStore
from include.erps.site import SiteCheck, SiteQuestions
from include.errors import LookupFailed, Misconfigured, NotExecuted, Rejected, Retryable, UnknownOutcome
from include.transport import HttpClient, require_https

LIVE = frozenset({"UNPOSTED", "POSTED"})
"""An entry waits in the journal until the accountant runs the register update; both count as exported."""

_UNLISTED = (
    "Sage 100 can be asked for single references only: an entry under a reference that neither the ledger nor an approved report "
    "gives would not be seen"
)


class Sage100Erp:
    """Implements :class:`include.erps.port.Erp`. Every request carries its own log-on; there is nothing to log off.

    :param base_url: scheme, host and port; https unless the host is this machine or ``allow_http`` is set.
    :param credentials: the integration's Sage user, and the agent's key.
    :param verify: check certificates (true), or the path of a CA bundle.
    :param request_timeout_s: total time of one request; ``None``: the settings'.
    :param shared: where it is kept between tasks which accounts were seen active; ``None``: nowhere, so each create asks.
    :param reread: gives the connection's credentials as they are now, after a refused log-on.
    :param timing: ``sleep``, ``jitter`` and ``monotonic`` of :class:`include.erps.sage_100.session.Session`.
    :raises Misconfigured: the address is wrong, or the agent's key is missing.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        *,
        settings: Sage100Settings,
        verify: bool | str = True,
        request_timeout_s: float | None = None,
        reread: Callable[[], Credentials] | None = None,
        shared: TokenStore | None = None,
        clock: Callable[[], float] = time.time,
        **timing: Any,
    ) -> None:
        require_https(base_url, "Sage 100", "every request carries the password", allow_http=settings.allow_http)
        if settings.api == "agent" and not credentials.api_key:
            raise Misconfigured("the Sage 100 connection has no `api_key` in its extra: the agent asks for it")
        self._settings = settings
        self._base_url = base_url
        self._verify = verify
        self._timeout_s = request_timeout_s or settings.request_timeout_s
        self._session = Session(self._open, credentials, settings, reread, **timing)
        place = (base_url, settings.path, settings.company_code, credentials.user)
        self._lookups = Lookups(self._session, settings, KeptAnswers(shared, "sage_100", *place, clock=clock))
        self._checks = Checks(self._lookups)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def check(self, drafts: Sequence[Draft]) -> list[Verdict]:
        """Account texts, accounts and periods of all drafts.

        The verdict's draft has its accounts as Sage writes them, and ``details`` ``fiscal_year`` and ``fiscal_period``.

        :raises Retryable: Sage could not be asked. :raises Misconfigured: the log-on, rights or the company.
        """
        return self._checks.verdicts(drafts) if drafts else []

    def next_open_date(self, draft: Draft) -> date | None:
        """The first day after the draft's that lies in an open period; ``None`` when Sage has none.

        :raises Retryable: Sage could not be asked.
        """
        return self._lookups.next_open_day(draft.posting_date)

    def find(self, draft: Draft) -> list[ErpDocument]:
        """Every entry under the draft's reference, in the journal or posted by the register update.

        :raises LookupFailed: no reliable answer.
        """
        return [_document(found) for found in self._lookups.entries(draft.reference)]

    def documents(self, asked: DocumentsAsked) -> DocumentList:
        """Every reference by itself: neither channel lists entries by date or by the beginning of a reference.

        :raises LookupFailed: also when there are more references than ``most_listed``.
        """
        if len(asked.names) > self._settings.most_listed:
            raise LookupFailed(
                f"{len(asked.names)} references would be looked up in Sage 100, one request each, and erp.most_listed allows "
                f"{self._settings.most_listed}: compare fewer days at once, or raise it"
            )
        found = [
            replace(_document(entry), reference=reference)
            for reference in asked.names
            for entry in self._lookups.entries(reference)
        ]
        return DocumentList(tuple(found), (_UNLISTED,))

    def create(self, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
        """Create the entry, once; see :meth:`include.erps.port.Erp.create`.

        Its accounts are looked up once more, unless they were seen active within the last ``account_recheck_s``: Sage may be
        set to create missing ones.
        """
        try:
            problems = self._settings.problems(draft) or self._checks.account_problems(draft)
        except Retryable as error:
            raise NotExecuted(f"{draft.reference} is not sent: {error}", error.delay_s) from None
        if problems:
            raise Rejected(f"{draft.reference} is not sent: {problems[0].message}. {problems[0].fix}")
        try:
            created = self._session.create(entry(draft, self._settings), before_send)
        except Rejected:
            self._lookups.forget_seen()
            raise
        made = created.entry
        if made.external_reference != draft.reference or made.company_code not in (None, self._settings.company_code):
            raise UnknownOutcome(
                f"Sage 100 answered {draft.reference} with an entry of another reference or company", None, created.raw
            )
        anew = self._lookups.created_anew(made)
        document = _document(made, created.raw)
        if not anew:
            return document
        self._lookups.forget_seen()
        return replace(
            document, status=f"{made.status}, and Sage created the account {', '.join(anew)} anew: look at it there"
        )

    def complete(self, draft: Draft, document: ErpDocument) -> ErpDocument:
        """The document as it is: its number comes with the create, and posting is the accountant's register update."""
        return document

    def site_checks(self, questions: SiteQuestions) -> list[SiteCheck]:
        """Log-on, company and account format over agent or extension; periods and accounts show in :meth:`check`."""
        return Site(self._settings, self._lookups).checks(questions)

    def _open(self, credentials: Credentials) -> Channel:
        secrets = [credentials.password, credentials.api_key]
        if self._settings.api == "soap":
            # zeep takes a third of a second to import, and tenants with an agent never need it.
            from include.erps.sage_100.soap import SoapChannel

            return SoapChannel(self._http(secrets), self._settings, credentials)
        pair = f"{credentials.user}:{credentials.password}".encode()
        headers = {self._settings.api_key_header: credentials.api_key, "Accept": "application/json"}
        http = self._http(
            [*secrets, base64.b64encode(pair).decode()],
            auth=httpx.BasicAuth(credentials.user, credentials.password),
            headers=headers,
        )
        return AgentChannel(http, self._settings)

    def _http(self, secrets: list[str], **options: Any) -> HttpClient:
        try:
            return HttpClient(
                self._base_url, verify=self._verify, request_timeout_s=self._timeout_s, secrets=secrets, **options
            )
        except (ValueError, OSError) as error:
            raise Misconfigured(f"The Sage 100 connection: {error}") from None


def _document(found: answers.Entry, raw: str | None = None) -> ErpDocument:
    lines = None
    if found.lines is not None:
        lines = tuple((line.account, line.debit_amount - line.credit_amount) for line in found.lines)
    return ErpDocument(
        number=found.entry_no,
        total_cents=found.total_debit,
        posting_date=found.posting_date,
        lines=lines,
        live=found.status in LIVE,
        status=found.status,
        raw_answer=raw,
    )
