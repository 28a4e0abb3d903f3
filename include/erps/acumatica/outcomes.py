"""What became of a put, from Acumatica's answer to it.

====================================  ==========================================================
200 with a number                     made; warnings are kept in its status
422                                   refused; a vendor reference used already is looked up instead
400, 403, 404, 406, 412, 415          refused before anything was saved
401, 429, API Login Limit, busy       not carried out
500 of a known permanent kind         refused
500 with another exception of its own unknown: looked up, and not there after all, it was refused
anything else                         unknown: looked up before anything is sent again
====================================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from include.erps.acumatica import values
from include.erps.acumatica.settings import BILL, DEBIT_ADJUSTMENT, AcumaticaSettings
from include.erps.acumatica.values import NEW, Record, Unreadable
from include.erps.port import Draft, ErpDocument, Kind
from include.errors import NotExecuted, ReferenceTaken, Rejected, UnclearRefusal, UnknownOutcome
from include.transport import Answer

_REFUSED = frozenset({400, 403, 404, 406, 412, 415})
_BUSY_WAIT_S = 5.0


@dataclass(frozen=True)
class Outcomes:
    """:param masked: removes secrets from a kept text."""

    settings: AcumaticaSettings
    masked: Callable[[str], str]

    def created(self, draft: Draft, answer: Answer) -> ErpDocument:
        """The document that a put made.

        :raises Rejected: refused. :raises NotExecuted: not carried out. :raises UnknownOutcome: neither is certain.
        """
        raw = self.masked(answer.body.decode("utf-8", "replace"))
        name = draft.reference
        if answer.status == 200:
            return self._made(draft, answer, raw)
        if answer.status == 401:
            raise NotExecuted(f"Acumatica had ended the session before {name} was read")
        if answer.status == 429:
            wait = answer.retry_after_s or self.settings.retry_wait_s
            raise NotExecuted(f"Acumatica refused {name} unread: the licence's limit is reached (HTTP 429)", wait)
        if answer.status == 422:
            raise self._refusal(draft, answer, raw)
        said = values.explained(answer.body)
        said = f": {self.masked(said)}" if said else ""
        if answer.status in _REFUSED:
            raise Rejected(f"Acumatica refused {name} (HTTP {answer.status}){said}. {self._fix(answer.status)}", raw)
        texts = self.settings.errors
        if answer.status == 500 and texts.says("login_limit", said):
            raise NotExecuted(
                f"Acumatica has no free session for API users, {name} was not read", self.settings.login_limit_wait_s
            )
        if answer.status == 500 and texts.says("busy", said):
            raise NotExecuted(
                f"Acumatica is busy with another operation of this session, {name} was not read", _BUSY_WAIT_S
            )
        if answer.status == 500 and texts.says("refused", said):
            raise Rejected(f"Acumatica cannot take {name}{said}. Complete the setup of that form in Acumatica", raw)
        unclear = answer.status == 500 and texts.says("permanent", said) and not texts.says("transient", said)
        kind = UnclearRefusal if unclear else UnknownOutcome
        raise kind(f"Acumatica answered {name} with HTTP {answer.status}{said}", answer.retry_after_s, raw)

    def _made(self, draft: Draft, answer: Answer, raw: str) -> ErpDocument:
        try:
            record = values.record_of(values.read(answer.body))
            found = document_of(draft.kind, record, raw)
        except Unreadable as error:
            raise UnknownOutcome(
                f"Acumatica's answer to {draft.reference} cannot be read: {error}", raw_answer=raw
            ) from None
        if not found.number or found.number == NEW:
            raise UnknownOutcome(f"Acumatica's answer to {draft.reference} names no number", raw_answer=raw)
        return found

    def _refusal(self, draft: Draft, answer: Answer, raw: str) -> Rejected | NotExecuted:
        try:
            found = values.complaints(values.read(answer.body))
        except Unreadable:
            found = []
        text = self.masked("; ".join(found[:20]))
        if self.settings.errors.says("duplicate", text):
            # Perhaps it is ours, from an attempt whose answer was lost: the look-up tells.
            return ReferenceTaken(
                f"Acumatica has a document with the vendor reference {draft.reference} already ({text[:300]})", raw
            )
        return Rejected(f"Acumatica refused {draft.reference}: {text or 'without a reason (HTTP 422)'}", raw)

    def _fix(self, status: int) -> str:
        if status == 403:
            return "Give the integration's role access to the form"
        if status == 404:
            return "Check erp.endpoint and erp.version"
        return "Compare the document sent with the endpoint's fields"


def document_of(kind: Kind, record: Record, raw: str | None = None) -> ErpDocument:
    """What a record tells, in the terms of a draft of that kind.

    :raises Unreadable: an amount or a date is none.
    """
    warnings = values.complaints(record, "warning")
    status = values.text_of(record, "Status")
    if warnings:
        status = f"{status} (warning: {'; '.join(warnings)})".strip()[:500]
    bill = kind == "bill"
    lines = _bill_lines(record) if bill else _journal_lines(record)
    if bill:
        amount = values.cents_of(record, "Amount")
        total = None if amount is None else _sign(record) * amount
    else:
        total = None if lines is None else sum(cents for _, cents in lines if cents > 0)
    return ErpDocument(
        number=values.text_of(record, "ReferenceNbr" if bill else "BatchNbr") or None,
        total_cents=total,
        currency=values.text_of(record, "CurrencyID") or None,
        posting_date=values.day_of(record, "Date" if bill else "TransactionDate"),
        lines=lines,
        status=status or None,
        raw_answer=raw,
    )


def _sign(record: Record) -> int:
    kind = values.text_of(record, "Type")
    if kind not in (BILL, DEBIT_ADJUSTMENT):
        raise Unreadable(f"it is a {kind or 'document without a type'}")
    return -1 if kind == DEBIT_ADJUSTMENT else 1


def _bill_lines(record: Record) -> tuple[tuple[str, int], ...] | None:
    if not isinstance(record.get("Details"), list):
        return None
    found = []
    for line in values.lines_of(record):
        account, cents = values.text_of(line, "Account"), values.cents_of(line, "ExtendedCost")
        if not account or cents is None:
            return None
        found.append((account, _sign(record) * cents))
    return tuple(found)


def _journal_lines(record: Record) -> tuple[tuple[str, int], ...] | None:
    if not isinstance(record.get("Details"), list):
        return None
    found = []
    for line in values.lines_of(record):
        account = values.text_of(line, "Account")
        debit, credit = values.cents_of(line, "DebitAmount"), values.cents_of(line, "CreditAmount")
        if not account or (debit is None and credit is None):
            return None
        found.append((account, (debit or 0) - (credit or 0)))
    return tuple(found)
