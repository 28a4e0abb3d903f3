"""SYSPRO as an ERP: one session with one company."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date
from types import TracebackType
from typing import Self

from include.erps.fiscal_calendar import Period
from include.erps.kept_answers import KeptAnswers
from include.erps.port import DocumentList, DocumentsAsked, Draft, ErpDocument, Verdict
from include.erps.shared_state import TokenStore
from include.erps.site import SiteCheck, SiteQuestions
from include.erps.syspro import answers
from include.erps.syspro.answers import Unreadable
from include.erps.syspro.channel import Channel
from include.erps.syspro.checks import AP_LETTERS, Checks
from include.erps.syspro.documents import Posting, posting
from include.erps.syspro.entries import Key, journal_of, key_of
from include.erps.syspro.listing import listed
from include.erps.syspro.lookups import Lookups, Row, UnknownAccount
from include.erps.syspro.outcomes import Outcomes, invoice_number
from include.erps.syspro.periods import read_calendar
from include.erps.syspro.refusals import FIXES, Finding
from include.erps.syspro.rest import RestChannel
from include.erps.syspro.session import Credentials, Session, TooLong
from include.erps.syspro.settings import SysproSettings
from include.erps.syspro.site import Site
from include.errors import LookupFailed, Misconfigured, NotExecuted, Rejected, Retryable, UnknownOutcome
from include.transport import HttpClient, NoAnswer, NotSent, require_https

_TOO_LONG = "The document is too long for a URL and erp.transport is rest: set erp.transport: auto in the tenant file"


class SysproErp:
    """Implements :class:`include.erps.port.Erp`. Logs on with the first call, logs off when left.

    :param base_url: scheme, host and port of e.net; https unless the host is this machine or ``allow_http`` is set.
    :param operator: the integration's own operator; whoever else logs on with it ends this session.
    :param company_id: SYSPRO's company; ``settings.gl_company`` names it in the ledger's tables where that differs.
    :param verify: check certificates (true), or the path of a CA bundle.
    :param request_timeout_s: total time of one request; ``None``: the settings'.
    :param shared: where answers are kept between tasks; ``None``: nowhere, so each session asks for itself.
    :raises Misconfigured: the address or the fiscal calendar is wrong.
    """

    def __init__(
        self,
        base_url: str,
        operator: str,
        operator_password: str,
        company_id: str,
        company_password: str = "",
        *,
        settings: SysproSettings,
        verify: bool | str = True,
        request_timeout_s: float | None = None,
        shared: TokenStore | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._calendar = read_calendar(settings.fiscal_calendar)
        self._timeout_s = request_timeout_s or settings.request_timeout_s
        self._verify = verify
        self._base_url = base_url
        self._soap_url = settings.soap_base_url or base_url
        for url in (self._base_url, self._soap_url):
            require_https(url, "SYSPRO", "password and documents travel in the URL", allow_http=settings.allow_http)
        openers: dict[str, tuple[Callable[[], Channel], ...]] = {
            "auto": (self._rest, self._soap),
            "rest": (self._rest,),
            "soap": (self._soap,),
        }
        self._session = Session(
            openers[settings.transport],
            Credentials(operator, operator_password, company_id, company_password),
            settings.refusals,
            idle_renew_s=settings.session_idle_renew_s,
            seats_delay_s=settings.seats_delay_s,
            monotonic=monotonic,
        )
        kept = KeptAnswers(shared, "syspro", base_url, settings.base_path, company_id, operator, clock=clock)
        self._lookups = Lookups(self._session, settings, settings.gl_company or company_id, kept)
        self._outcomes = Outcomes(settings, self._session.masked)
        self._checks = Checks(settings, self._lookups, self._calendar, self._validated)
        self._site = Site(settings, self._session, self._lookups, operator, company_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def check(self, drafts: Sequence[Draft]) -> list[Verdict]:
        """Accounts, analysis codes, supplier, currency and period of all drafts; ``details`` get ``year`` and ``period``.

        The drafts' own rules (:meth:`SysproSettings.problems`) are the caller's part.

        :raises Retryable: SYSPRO could not be asked. :raises Misconfigured: the log-on or the operator's rights.
        """
        return self._checks.verdicts(drafts) if drafts else []

    def next_open_date(self, draft: Draft) -> date | None:
        """The first day of the next period after the draft's that takes postings; ``None`` when there is none.

        For ``closed_period: next_open``: called with a draft that :meth:`check` held for ``period_closed`` alone; the caller
        moves the draft there and checks it again.

        :raises Retryable: SYSPRO could not be asked.
        """
        account = next((line.account for line in draft.sent_lines), None)
        return self._checks.next_open_date(draft, account) if account else None

    def ask_anew(self) -> None:
        """See :class:`include.erps.port.KeepsAnswers`."""
        self._lookups.ask_anew()

    def find(self, draft: Draft) -> list[ErpDocument]:
        """Every journal with an entry under the draft's reference, or the supplier's invoice of that number.

        :raises LookupFailed: no reliable answer.
        """
        if draft.kind == "bill":
            return self._find_invoices(draft)
        journals: dict[Key, list[Row]] = defaultdict(list)
        names = self._settings.tables
        try:
            for row in self._lookups.entries(draft.reference, len(draft.sent_lines)):
                journals[key_of(row, names)].append(row)
            return [journal_of(key, rows, names, draft.posting_date) for key, rows in sorted(journals.items())]
        except Unreadable as error:
            raise LookupFailed(f"SYSPRO's entries of {draft.reference} cannot be read: {error}") from None

    def documents(self, asked: DocumentsAsked) -> DocumentList:
        """Journals by their entries' references, and the supplier's invoices; a cancelled journal has no entries any more.

        :raises LookupFailed: the list would be incomplete.
        """
        return listed(self._lookups, self._settings, asked)

    def create(self, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
        """Post the draft, once; see :meth:`include.erps.port.Erp.create`."""
        problems = self._settings.problems(draft)
        if problems:
            raise Rejected(f"{draft.reference} is not sent: {problems[0].message}. {problems[0].fix}")
        try:
            period = self._period(draft)
            call = self._posting(draft, period)
            self._session.prepare(
                "post",
                {"business_object": call.business_object, "parameters": call.parameters, "document": call.document},
            )
        except TooLong:
            raise Rejected(f"{draft.reference} is not sent: {_TOO_LONG}") from None
        except UnknownAccount as error:
            raise Rejected(f"{draft.reference} is not sent: {error} any more. What to do: {FIXES['mapping']}") from None
        except Retryable as error:
            raise NotExecuted(f"{draft.reference} is not sent: {error}", error.delay_s) from None
        before_send(call.text)
        try:
            reply = self._session.send_once(call.business_object, call.document, call.parameters)
        except NotSent as error:
            raise NotExecuted(f"{draft.reference} did not reach SYSPRO: {error}") from None
        except NoAnswer as error:
            raise UnknownOutcome(f"{draft.reference} was sent to SYSPRO: {error}") from None
        try:
            return self._outcomes.created(draft, reply, (period.year, period.number))
        except NotExecuted:
            if self._settings.refusals.text_class(reply.body.text[:1000]) == "session":
                self._session.renew()
            raise

    def complete(self, draft: Draft, document: ErpDocument) -> ErpDocument:
        """The document as it is: a SYSPRO posting has its number at once and needs no release."""
        return document

    def site_checks(self, questions: SiteQuestions) -> list[SiteCheck]:
        """Log-on, queries, supplier, currency and current period; periods and posting rights show in :meth:`check`."""
        return self._site.checks(questions)

    def _period(self, draft: Draft) -> Period:
        """The period that the check settled; the calendar's when the draft has none."""
        by_date = self._calendar.period_of(draft.posting_date)
        year, number = draft.details.get("year"), draft.details.get("period")
        if by_date is not None and (by_date.year, by_date.number) == (year, number):
            return by_date
        if isinstance(year, int) and isinstance(number, int):
            return Period(year, number, draft.posting_date, draft.posting_date)
        if by_date is None:
            raise Rejected(f"{draft.reference} is not sent: no fiscal period is known for {draft.posting_date}")
        return by_date

    def _posting(self, draft: Draft, period: Period, *, validate_only: bool = False) -> Posting:
        return posting(
            draft,
            self._settings,
            year=period.year,
            period=period.number,
            ap_period=self._ap_period(draft, period) if draft.kind == "bill" else "C",
            validate_only=validate_only,
        )

    def _ap_period(self, draft: Draft, period: Period) -> str:
        """The bill's period relative to the current one, asked right before it is sent: the current one moves on.

        An answer of the last ``period_recheck_s`` counts; the status of a bill that was booked elsewhere says so.
        """
        if self._settings.ap_period != "auto":
            return self._settings.ap_period
        current = self._lookups.current_lately(draft.sent_lines[0].account)
        back = self._calendar.steps_back((current.year, current.period), period)
        if back is None or not 0 <= back < len(AP_LETTERS):
            raise Rejected(
                f"{draft.reference} is not sent: its period {period} is out of reach of SYSPRO's current payables period "
                f"{current.year}/{current.period:02d}. Check it again with posting.closed_period: next_open, or book it by hand"
            )
        return AP_LETTERS[back]

    def _validated(self, draft: Draft) -> list[Finding]:
        call = self._posting(draft, self._period(draft), validate_only=True)
        try:
            reply = self._session.ask(call.business_object, call.document, call.parameters)
        except TooLong:
            raise Misconfigured(_TOO_LONG) from None
        return self._outcomes.validated(draft, reply)

    def _find_invoices(self, draft: Draft) -> list[ErpDocument]:
        if not self._settings.supplier:
            raise LookupFailed("No supplier is set: erp.supplier in the tenant file")
        names = self._settings.tables
        found: list[ErpDocument] = []
        for row in self._lookups.invoices(self._settings.supplier, draft.reference):
            try:
                value = answers.cents(row[names.invoice_value])
            except Unreadable as error:
                raise LookupFailed(f"SYSPRO's invoice {draft.reference} cannot be read: {error}") from None
            found.append(
                ErpDocument(
                    number=invoice_number(self._settings, draft),
                    total_cents=value,
                    posting_date=answers.day(row[names.invoice_date]),
                )
            )
        return found

    def _rest(self) -> Channel:
        known = self._settings
        return RestChannel(self._http(self._base_url), known.base_path, known.max_url_bytes, known.query_attempts)

    def _soap(self) -> Channel:
        # zeep takes a third of a second to import, and most tenants never need it.
        from include.erps.syspro.soap import SoapChannel

        return SoapChannel(self._http(self._soap_url), self._settings.soap_base_path, self._settings.query_attempts)

    def _http(self, url: str) -> HttpClient:
        try:
            return HttpClient(url, verify=self._verify, request_timeout_s=self._timeout_s)
        except (ValueError, OSError) as error:
            raise Misconfigured(f"The SYSPRO connection: {error}") from None
