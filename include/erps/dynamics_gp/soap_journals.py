"""Journals through the Web Services.

``CreateGLTransaction`` answers nothing, not even the number, and nothing can be searched by Reference. So journals are listed by
date and by the time of their last change, whatever their batch and state (finance may have moved or posted them), and the
Reference is compared here. Lists are cut silently at a cap: a list as long as that is narrowed, and if it cannot be, it is no
answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol

from lxml import etree

from include.clock import Clock
from include.erps.dynamics_gp import soap
from include.erps.dynamics_gp.api import Unreadable, amount, cents, line_text
from include.erps.dynamics_gp.settings import DynamicsGpSettings
from include.erps.dynamics_gp.soap import Fault, NoEnvelope, Operation, SoapCalls
from include.erps.kept_answers import KeptAnswers
from include.erps.port import DocumentsAsked, Draft, ErpDocument, Line
from include.errors import LookupFailed, Misconfigured, NotExecuted, Rejected, Retryable, UnknownOutcome
from include.transport import NoAnswer, NotSent

SEQUENCE_STEP = 16384
"""GP counts a journal's lines in these steps, so that lines can be put between them."""
_SHORTEST_WINDOW = timedelta(seconds=1)
# Caps are round numbers; a list of such a length is checked against its own halves.
_SUSPECT_MULTIPLE = 50


class Asked(Protocol):
    """A question, answered or :class:`LookupFailed`."""

    def __call__(self, operation: Operation, subject: str, context: Any, /, **arguments: Any) -> etree._Element: ...


@dataclass(frozen=True)
class Summary:
    """A row of ``GetGLTransactionList``. ``day`` and ``modified`` as GP writes them, without a zone."""

    journal: int
    day: str
    reference: str
    modified: datetime | None
    state: str | None


class SoapJournals:
    """:param context_of: the request context of a draft's company. :param kept: what earlier sessions read."""

    def __init__(
        self,
        calls: SoapCalls,
        settings: DynamicsGpSettings,
        asked: Asked,
        context_of: Callable[[Draft | None], Any],
        kept: KeptAnswers,
        clock: Clock,
    ) -> None:
        self._calls = calls
        self._settings = settings
        self._asked = asked
        self._context_of = context_of
        self._kept = kept
        self._clock = clock
        self._policy: etree._Element | None = None
        self._requests_left = 0

    # --- look-up ---

    def find(self, draft: Draft) -> list[ErpDocument]:
        """Every journal of the draft's reference: on its date, and changed since its report was approved.

        :raises LookupFailed: no complete answer.
        """
        context = self._context_of(draft)
        self._requests_left = self._settings.lookup_requests
        window = self._window(draft.approval_date)
        rows = [
            *self._listed(context, draft.posting_date, None, window),
            *self._listed(context, None, window, window),
        ]
        wanted = draft.reference.casefold()
        ours = {(row.journal, row.day): row for row in rows if row.reference.casefold() == wanted}
        return [self._document(context, row, draft.reference) for _, row in sorted(ours.items())]

    def just_created(self, draft: Draft) -> list[ErpDocument]:
        """The journals of the draft's reference right after its create, by number and state alone: those on its date, else
        as :meth:`find`.

        :raises LookupFailed: no complete answer.
        """
        self._requests_left = self._settings.lookup_requests
        window = self._window(draft.approval_date)
        rows = self._listed(self._context_of(draft), draft.posting_date, None, window)
        wanted = draft.reference.casefold()
        ours = {(row.journal, row.day): row for row in rows if row.reference.casefold() == wanted}
        if not ours:
            return self.find(draft)
        return [ErpDocument(number=str(row.journal), status=row.state) for _, row in sorted(ours.items())]

    def documents(self, asked: DocumentsAsked) -> list[ErpDocument]:
        """Every journal of ours that was changed since the first day asked for, whatever its date; one more question for
        the lines of each.

        A list by date alone would miss a journal whose date was moved; one by change alone misses none, for what is ours was
        made after its report was approved. The dates are listed as well, so that GP's clock need not be right.

        :raises LookupFailed: no complete answer.
        """
        context = self._context_of(asked.drafts[0] if asked.drafts else None)
        self._requests_left = self._settings.lookup_requests
        known = {draft.reference.casefold() for draft in asked.drafts}
        named = known | {reference.casefold() for reference in asked.references}
        first = min([asked.first_day, *(draft.approval_date for draft in asked.drafts)])
        window = self._window(first)
        rows = [
            *self._dated(context, asked.first_day, asked.last_day, window),
            *self._listed(context, None, window, window),
        ]
        prefix = asked.prefix.casefold()

        def is_ours(row: Summary) -> bool:
            if row.reference.casefold() in named:
                return True
            in_days = asked.first_day <= _day(row.day) <= asked.last_day
            return bool(prefix) and in_days and row.reference.casefold().startswith(prefix)

        ours = {(row.journal, row.day): row for row in rows if is_ours(row)}
        return [
            replace(self._document(context, row, row.reference), reference=row.reference)
            for _, row in sorted(ours.items())
        ]

    def _dated(self, context: Any, first: date, last: date, window: tuple[datetime, datetime]) -> list[Summary]:
        """The journals of these days; a list of a length that may be a cap is asked for again in halves."""
        if first == last:
            return self._listed(context, first, None, window)
        rows = self._page(context, (first, last), None)
        if len(rows) < self._settings.list_cap and (not rows or len(rows) % _SUSPECT_MULTIPLE):
            return rows
        middle = first + (last - first) // 2
        return [
            *self._dated(context, first, middle, window),
            *self._dated(context, middle + timedelta(days=1), last, window),
        ]

    def _window(self, first: date) -> tuple[datetime, datetime]:
        """All times of change from the day before ``first`` on, with a margin for GP's clock."""
        margin = timedelta(seconds=self._settings.clock_margin_s)
        # A day more on both sides: approval days are local, GP's clock is UTC.
        since = datetime.combine(first, time()) - timedelta(days=1) - margin
        until = self._clock().astimezone(UTC).replace(tzinfo=None, microsecond=0) + timedelta(days=1) + margin
        return since, max(until, since + timedelta(days=1))

    def _listed(
        self,
        context: Any,
        day: date | None,
        modified: tuple[datetime, datetime] | None,
        window: tuple[datetime, datetime],
    ) -> list[Summary]:
        days = None if day is None else (day, day)
        rows = self._page(context, days, modified)
        cap = self._settings.list_cap
        suspect = bool(rows) and len(rows) % _SUSPECT_MULTIPLE == 0
        if len(rows) < cap and not suspect:
            return rows
        since, until = window
        middle = since + (until - since) / 2
        middle = middle.replace(microsecond=0)
        narrow = until - since > _SHORTEST_WINDOW and all(row.modified is not None for row in rows)
        if len(rows) < cap:
            if narrow:
                halves = [*self._page(context, days, (since, middle)), *self._page(context, days, (middle, until))]
                known = {(row.journal, row.day) for row in rows}
                if {(row.journal, row.day) for row in halves} - known:
                    raise LookupFailed(
                        f"Dynamics GP gives at most {len(rows)} rows of a list: set erp.list_cap to that in the tenant file"
                    )
            return rows
        if not narrow:
            raise LookupFailed(
                f"Dynamics GP's list of journals is cut at {len(rows)} rows and cannot be narrowed further: raise the "
                "server's list limit and erp.list_cap"
            )
        return [
            *self._listed(context, day, (since, middle), (since, middle)),
            *self._listed(context, day, (middle, until), (middle, until)),
        ]

    def _page(
        self, context: Any, days: tuple[date, date] | None, modified: tuple[datetime, datetime] | None
    ) -> list[Summary]:
        self._requests_left -= 1
        if self._requests_left < 0:
            raise LookupFailed("too many journals to look through: raise erp.list_cap or erp.lookup_requests")
        restrictions: dict[str, Any] = {}
        if days is not None:
            first, last = (f"{day.isoformat()}T00:00:00" for day in days)
            asked = {"EqualValue": first} if first == last else {"From": first, "To": last}
            restrictions["Date"] = self._calls.new("BetweenRestrictionOfNullableOfDateTime", **asked)
        if modified is not None:
            # UTC without a zone: with one, the server would convert it to its own time.
            restrictions["ModifiedDate"] = self._calls.new(
                "BetweenRestrictionOfNullableOfDateTime",
                From=f"{modified[0]:%Y-%m-%dT%H:%M:%S}",
                To=f"{modified[1]:%Y-%m-%dT%H:%M:%S}",
            )
        criteria = self._calls.new("GLTransactionCriteria", **restrictions)
        answer = self._asked("GetGLTransactionList", "journals", context, criteria=criteria)
        rows = soap.items(answer, "GetGLTransactionListResult")
        if rows is None:
            raise LookupFailed("Dynamics GP's answer about journals holds no list")
        try:
            return [_summary(row) for row in rows]
        except Unreadable as error:
            raise LookupFailed(f"Dynamics GP's list of journals cannot be read: {error}") from None

    def _document(self, context: Any, row: Summary, reference: str) -> ErpDocument:
        key = self._calls.new("GLTransactionKey", JournalId=row.journal, Date=row.day)
        answer = self._asked("GetGLTransactionByKey", f"journal {row.journal}", context, key=key)
        try:
            return _document(answer, row, reference)
        except Unreadable as error:
            raise LookupFailed(f"Dynamics GP's journal {row.journal} cannot be read: {error}") from None

    # --- create ---

    def create(self, draft: Draft, batch: str, before_send: Callable[[str], None]) -> ErpDocument:
        """Send the journal once; see :meth:`include.erps.port.Erp.create`. It has no number yet."""
        name = draft.reference
        try:
            context = self._context_of(draft)
            policy = self._known_policy(context)
        except Retryable as error:
            raise NotExecuted(f"{name} is not sent: {error}", error.delay_s) from None
        envelope = self._calls.envelope(
            "CreateGLTransaction", policy, glTransaction=self._transaction(draft, batch), context=context
        )
        before_send(envelope.content.decode())
        try:
            _, raw = self._calls.send(envelope)
        except NotSent as error:
            raise NotExecuted(f"{name} did not reach Dynamics GP: {error}") from None
        except NoAnswer as error:
            raise UnknownOutcome(f"{name} was sent to Dynamics GP: {error}") from None
        except NoEnvelope as error:
            raise self._without_envelope(name, error) from None
        except Fault as fault:
            # Perhaps it is the policy that does not fit any more.
            self._policy = None
            self._kept.forget(_policy_name(context))
            raise self._refused(name, fault, context) from None
        return ErpDocument(number=None, status="Work", raw_answer=raw)

    def _known_policy(self, context: Any) -> etree._Element:
        """The policy as this session, or any task of the last ``policy_recheck_s``, read it; else read now."""
        if self._policy is None:
            told = self._kept.answer(
                _policy_name(context),
                self._settings.policy_recheck_s,
                lambda: etree.tostring(self.read_policy(context), encoding="unicode"),
            )
            self._policy = etree.fromstring(told, etree.XMLParser(resolve_entities=False, no_network=True))
        return self._policy

    def read_policy(self, context: Any) -> etree._Element:
        """What GP says of creating journals; echoed in each create. :raises LookupFailed: no readable answer."""
        answer = self._asked(
            "GetPolicyByOperation", "the policy of new journals", context, operation="CreateGLTransaction"
        )
        policy = soap.child(answer, "GetPolicyByOperationResult")
        if policy is None or soap.text(policy, "Key/Id") is None:
            raise LookupFailed("Dynamics GP gave no policy for new journals")
        return policy

    def _transaction(self, draft: Draft, batch: str) -> Any:
        new = self._calls.new
        currency = {"CurrencyKey": new("CurrencyKey", ISOCode=draft.currency)} if self._settings.send_currency else {}
        return new(
            "GLTransaction",
            # No journal number: GP takes the next one. No zone: with one, the day might move.
            Key=new("GLTransactionKey", Date=f"{draft.posting_date.isoformat()}T00:00:00"),
            BatchKey=new("BatchKey", Id=batch),
            **currency,
            Lines=new(
                "ArrayOfGLTransactionLine",
                GLTransactionLine=[
                    self._line(draft, line, at * SEQUENCE_STEP) for at, line in enumerate(draft.sent_lines, start=1)
                ],
            ),
            Reference=draft.reference,
            SourceDocumentKey=new("SourceDocumentKey", Id=self._settings.source_document),
            LedgerType=self._settings.ledger_type,
        )

    def _line(self, draft: Draft, line: Line, sequence: int) -> Any:
        new = self._calls.new

        def money(value: int) -> Any:
            return new("MoneyAmount", Currency=draft.currency, Value=amount(value), DecimalDigits=2)

        return new(
            "GLTransactionLine",
            Key=new("GLTransactionLineKey", SequenceNumber=sequence),
            CreditAmount=money(max(-line.amount_cents, 0)),
            DebitAmount=money(max(line.amount_cents, 0)),
            Description=line_text(line.description),
            GLAccountKey=new("GLAccountNumberKey", Id=line.account, IsEncrypted=False),
        )

    def _without_envelope(self, name: str, error: NoEnvelope) -> Rejected | UnknownOutcome:
        status = error.answer.status
        raw = self._calls.masked(error.answer.body.decode("utf-8", "replace")[:2000])
        if status == 413:
            return Rejected(
                f"{name}: the document is larger than the Dynamics GP server takes; raise its message limit "
                "(maxReceivedMessageSize), or key the journal by hand and settle it",
                raw,
            )
        if status in (400, 405, 415):
            return Rejected(
                f"{name}: the Dynamics GP server could not read the request (status {status}); report it", raw
            )
        return UnknownOutcome(f"{name} was sent to Dynamics GP and answered with {error}", raw_answer=raw)

    def _refused(self, name: str, fault: Fault, context: Any) -> Rejected | NotExecuted | UnknownOutcome:
        if fault.not_understood:
            return Rejected(
                f"{name}: this Dynamics GP server does not know CreateGLTransaction; check erp.soap_path", fault.raw
            )
        if fault.log_id is None:
            # A failure of the server, not of the journal: it may have been written before the failure.
            return UnknownOutcome(
                f"{name} was sent and the Dynamics GP server failed: {fault.text}", raw_answer=fault.raw
            )
        words, known = self._words(fault, context)
        if known and re.search(self._settings.batch_busy_pattern, words, re.I):
            return NotExecuted(f"{name} was not taken: {words}", self._settings.busy_delay_s)
        return Rejected(f"{name}: Dynamics GP refused it: {words}", f"{fault.raw}\n{words}" if known else fault.raw)

    def _words(self, fault: Fault, context: Any) -> tuple[str, bool]:
        """What GP logged about its refusal, for a finance person, and whether it could be read."""
        where = f"look up {fault.log_id} in the Dynamics GP Exception Management Console"
        try:
            answer = self._asked("GetLoggedValidationResultByKey", "its refusal", context, logId=str(fault.log_id))
        except (Retryable, Misconfigured):
            return f"{fault.text}; its reasons could not be read: {where}", False
        errors = soap.items(answer, "GetLoggedValidationResultByKeyResult/Errors") or []
        said = [self._calls.masked(text) for one in errors if (text := soap.text(one, "Message"))]
        if not said:
            return f"{fault.text}; no reasons were logged: {where}", False
        return "; ".join(dict.fromkeys(" ".join(one.split()).rstrip(".") for one in said))[:1500], True


def _policy_name(context: Any) -> str:
    return f"policy:{context.OrganizationKey.Id}"


def _summary(row: etree._Element) -> Summary:
    number, day = soap.text(row, "Key/JournalId"), soap.text(row, "Key/Date")
    if number is None or not re.fullmatch(r"[0-9]{1,18}", number) or day is None:
        raise Unreadable("a row without number or date")
    _day(day)
    return Summary(
        int(number),
        day,
        soap.text(row, "Reference") or "",
        _moment(soap.text(row, "ModifiedDate")),
        soap.text(row, "TransactionState"),
    )


def _document(answer: etree._Element, row: Summary, reference: str) -> ErpDocument:
    found = soap.child(answer, "GetGLTransactionByKeyResult")
    lines = soap.child(found, "Lines")
    if found is None or lines is None or soap.text(found, "Key/JournalId") != str(row.journal):
        raise Unreadable("it is not what was asked for")
    if (soap.text(found, "Reference") or "").casefold() != reference.casefold():
        raise Unreadable("its reference was changed meanwhile")
    sums = []
    for line in lines:
        account = soap.text(line, "GLAccountKey/Id")
        debit, credit = soap.text(line, "DebitAmount/Value"), soap.text(line, "CreditAmount/Value")
        if account is None or debit is None or credit is None:
            raise Unreadable("a line without account or amounts")
        sums.append((account, cents(debit) - cents(credit)))
    if not sums:
        raise Unreadable("it has no lines")
    voided = soap.says(found, "IsVoided", True)
    state = soap.text(found, "TransactionState")
    return ErpDocument(
        number=str(row.journal),
        total_cents=sum(value for _, value in sums if value > 0),
        currency=soap.text(found, "CurrencyKey/ISOCode"),
        posting_date=_day(soap.text(found, "Key/Date") or row.day),
        lines=tuple(one for one in sums if one[1]),
        live=not voided,
        status="Voided" if voided else state,
        raw_answer=etree.tostring(answer, encoding="unicode")[:20_000],
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise Unreadable(f"the date {text[:40]!r}") from None


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable(f"the time {text[:40]!r}") from None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo is not None else moment
