"""IFS Cloud as an ERP: one session with one company."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from include.erps.ifs_cloud import documents, odata
from include.erps.ifs_cloud.checks import Checks
from include.erps.ifs_cloud.lookups import Lookups, Template
from include.erps.ifs_cloud.outcomes import Outcomes, OutOfDate
from include.erps.ifs_cloud.session import Session
from include.erps.ifs_cloud.settings import IfsCloudSettings
from include.erps.ifs_cloud.site import Site
from include.erps.ifs_cloud.tokens import ClientCredentials, Tokens
from include.erps.kept_answers import KeptAnswers
from include.erps.port import DocumentList, DocumentsAsked, Draft, ErpDocument, Verdict
from include.erps.shared_state import TokenStore
from include.erps.site import SiteCheck, SiteQuestions
from include.errors import ExpenseError, Misconfigured, NotExecuted, Rejected, Retryable, UnknownOutcome
from include.request_budget import RequestBudget
from include.transport import Answer, HttpClient, NoAnswer, NotSent, require_https

_LOG = logging.getLogger(__name__)


class IfsCloudErp:
    """Implements :class:`include.erps.port.Erp`.

    :param base_url: scheme, host and port; https unless the host is this machine or ``allow_http`` is set.
    :param token_path: of the token server on the same host, or a whole address where it is another one.
    :param tokens: where the access token, and that the company can be seen, is kept between tasks.
    :param budget: the request budget of the service user.
    :param verify: check certificates (true), or the path of a CA bundle.
    :param request_timeout_s: total time of one request; ``None``: the settings'. :param now: seconds since the epoch.
    :raises Misconfigured: an address is wrong.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        *,
        token_path: str,
        settings: IfsCloudSettings,
        tokens: TokenStore,
        budget: RequestBudget,
        verify: bool | str = True,
        request_timeout_s: float | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        timeout_s = request_timeout_s or settings.request_timeout_s
        token_url, token_path = _token_address(base_url, token_path)

        def open_client(url: str) -> HttpClient:
            require_https(url, "IFS", "the client's secret and the token travel in it", allow_http=settings.allow_http)
            try:
                return HttpClient(url, verify=verify, request_timeout_s=timeout_s, secrets=[client_secret])
            except (ValueError, OSError) as error:
                raise Misconfigured(f"The IFS connection: {error}") from None

        self._token_http = open_client(token_url)
        credentials = ClientCredentials(client_id, client_secret, token_path, settings.scope)
        self._session = Session(
            open_client(base_url), Tokens(self._token_http, credentials, tokens, now), budget, settings
        )
        kept = KeptAnswers(tokens, "ifs_cloud", base_url, settings.base_path, client_id, clock=now)
        self._lookups = Lookups(self._session, settings, kept)
        self._checks = Checks(settings, self._lookups)
        self._outcomes = Outcomes(settings, self._session.masked)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()
        self._token_http.close()

    def check(self, drafts: Sequence[Draft]) -> list[Verdict]:
        """Code parts on the voucher date, the accounts' demands, currency and period of all drafts.

        ``details`` get ``reference_serie``, which belongs to the reference and is frozen with it.

        The drafts' own rules (:meth:`IfsCloudSettings.problems`) are the caller's part.

        :raises Retryable: IFS could not be asked. :raises Misconfigured: credentials, rights, company, voucher type or names.
        """
        return self._checks.verdicts(drafts) if drafts else []

    def ask_anew(self) -> None:
        """See :class:`include.erps.port.KeepsAnswers`."""
        self._lookups.ask_anew()

    def find(self, draft: Draft) -> list[ErpDocument]:
        """Every voucher with a row under the draft's reference, in the hold table or the ledger, cancelled ones included.

        :raises LookupFailed: one of the two gives no reliable answer. :raises Misconfigured: the credentials are wrong.
        """
        return self._lookups.vouchers(self._settings.serie(draft), draft.reference)

    def documents(self, asked: DocumentsAsked) -> DocumentList:
        """Vouchers by the serie of their rows and their date, and by name, from the hold table and the ledger.

        :raises LookupFailed: one of the two gives no reliable answer.
        """
        named: dict[str, set[str]] = defaultdict(set)
        for draft in asked.drafts:
            named[self._settings.serie(draft)].add(draft.reference)
        named[self._settings.reference_serie] |= set(asked.references)
        return DocumentList(tuple(self._lookups.listed(asked, self._settings.reference_serie, named)))

    def create(self, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
        """Create the voucher with its rows, under the tag of a template read right before.

        A create that is refused because the tag is out of date was not carried out. What moved the tag is somebody else's
        voucher, or an earlier create of this very journal that was believed lost: so the reference is looked up before the
        next template is read and sent, whatever is known of earlier tries. ``before_send`` is called for every send.

        :raises Rejected, NotExecuted, UnknownOutcome: see :meth:`include.erps.port.Erp.create`.
        """
        problems = self._settings.problems(draft)
        if problems:
            raise Rejected(f"{draft.reference} is not sent: {problems[0].message}. {problems[0].fix}")
        for sends in range(self._settings.create_sends):
            try:
                answer = self._sent(draft, self._template(draft), before_send)
            except Misconfigured as error:
                if sends == 0:
                    raise
                raise NotExecuted(f"{draft.reference} was not carried out, and: {error}") from None
            try:
                return self._outcomes.created(draft, answer)
            except OutOfDate:
                self._prove_absent(draft)
        raise NotExecuted(
            f"{draft.reference}: the voucher template changed under each of {self._settings.create_sends} creates, because "
            "others post vouchers of this type; none was carried out"
        )

    def next_open_date(self, draft: Draft) -> date | None:
        """The first day after the draft's that lies in an open period; ``None`` when there is none.

        :raises Retryable: IFS could not be asked.
        """
        return self._checks.next_open_date(draft)

    def complete(self, draft: Draft, document: ErpDocument) -> ErpDocument:
        """The document as it is: a voucher has its number at once, and IFS's own job moves it to the ledger."""
        return document

    def site_checks(self, questions: SiteQuestions) -> list[SiteCheck]:
        """Token, company and currency, voucher type, and the projections that are read; values show in :meth:`check`."""
        return Site(self._settings, self._session, self._lookups, self._checks).checks(questions)

    def _template(self, draft: Draft) -> Template:
        try:
            template = self._lookups.template()
        except Retryable as error:
            raise NotExecuted(f"{draft.reference} is not sent: {error}", error.delay_s) from None
        if template is None:
            raise Rejected(
                f"{draft.reference} is not sent: IFS has no voucher type {self._settings.voucher_type} in company "
                f"{self._settings.company_id}. Correct erp.voucher_type in the tenant file"
            )
        if self._settings.post_if_match and template.etag is None:
            raise Rejected(
                f"{draft.reference} is not sent: IFS's voucher template carries no ETag. Set erp.post_if_match: false if this "
                "projection has none"
            )
        return template

    def _sent(self, draft: Draft, template: Template, before_send: Callable[[str], None]) -> Answer:
        names = self._settings.projections
        path = odata.path(self._settings.base_path, names.posting, names.posting_set)
        try:
            content = documents.voucher(draft, template.values, self._settings)
        except ValueError as error:
            raise Rejected(f"{draft.reference} is not sent: {error}") from None
        tag = {"If-Match": template.etag} if self._settings.post_if_match and template.etag else {}
        try:
            self._session.prepare_to_send()
        except Retryable as error:
            raise NotExecuted(f"{draft.reference} is not sent: {error}", error.delay_s) from None
        before_send(content)
        try:
            answer = self._session.send_once(path, content, tag)
        except NotSent as error:
            raise NotExecuted(f"{draft.reference} did not reach IFS: {error}") from None
        except NoAnswer as error:
            raise UnknownOutcome(f"{draft.reference} was sent to IFS: {error}") from None
        if answer.status == 401:
            self._renew_token()
        return answer

    def _renew_token(self) -> None:
        try:
            self._session.renew_token()
        except ExpenseError as error:
            # The create was not carried out, which is what the caller must hear; its look-up meets this again.
            _LOG.warning("IFS: no new token: %s", error)

    def _prove_absent(self, draft: Draft) -> None:
        try:
            found = self.find(draft)
        except (Retryable, Misconfigured) as error:
            delay_s = error.delay_s if isinstance(error, Retryable) else None
            raise NotExecuted(f"{draft.reference} was not carried out, and: {error}", delay_s) from None
        if found:
            raise NotExecuted(
                f"{draft.reference} was not carried out, because IFS has {found[0].number} under this reference by now: it is "
                "looked up"
            )


def _token_address(base_url: str, token_path: str) -> tuple[str, str]:
    """Server and path of the token endpoint."""
    parts = urlsplit(token_path)
    if not parts.scheme and token_path.startswith("/"):
        return base_url, token_path
    if parts.scheme and parts.netloc and parts.path:
        return f"{parts.scheme}://{parts.netloc}", parts.path
    raise Misconfigured("`token_path` in the IFS connection's extra must begin with / (or be a whole https address)")
