"""What became of a create, from SYSPRO's answer to it.

Success, a definite refusal and a request that was not executed are each recognised by what SYSPRO is known to answer.
Everything else is an unknown outcome: the reference has to be looked up before anything is sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lxml import etree

from include.erps.port import Draft, ErpDocument
from include.erps.syspro import answers, refusals
from include.erps.syspro.answers import Unreadable
from include.erps.syspro.channel import Reply
from include.erps.syspro.refusals import Finding
from include.erps.syspro.session import refusal_of
from include.erps.syspro.settings import SysproSettings
from include.errors import (
    Misconfigured,
    NotExecuted,
    ReferenceTaken,
    Rejected,
    Retryable,
    UnclearRefusal,
    UnknownOutcome,
)

# The web server refuses a request line that is too long before any program sees it.
_TOO_LONG = frozenset({414, 431})


@dataclass(frozen=True)
class Outcomes:
    """Reads the answers to posts.

    :param masked: removes secrets and the session's id from a kept text.
    """

    settings: SysproSettings
    masked: Callable[[str], str]

    def created(self, draft: Draft, reply: Reply, asked_period: tuple[int, int]) -> ErpDocument:
        """The document that a create made.

        :param asked_period: ledger (year, period) that was asked for.
        :raises Rejected: refused. :raises NotExecuted: not carried out. :raises UnknownOutcome: neither is certain.
        """
        raw = self.masked(reply.body.text)
        self._raise_for_transport(draft, reply, raw)
        paths = self.settings.answers
        read = self._invoice if draft.kind == "bill" else self._journal
        try:
            root = reply.body.root(paths.invoice_root if draft.kind == "bill" else paths.journal_root)
            found = answers.findings(root)
            document = read(draft, root, raw, asked_period)
            processed = self._processed(draft, root)
        except Unreadable as error:
            raise UnknownOutcome(
                f"SYSPRO's answer to {draft.reference} cannot be read: {error}", raw_answer=raw
            ) from None
        if document is not None and not found:
            return document
        if found and document is None and not processed:
            raise self._refusal(draft, found, raw)
        raise UnknownOutcome(f"SYSPRO's answer to {draft.reference} is neither a success nor a refusal", raw_answer=raw)

    def validated(self, draft: Draft, reply: Reply) -> list[Finding]:
        """What SYSPRO objects to in a draft that was only validated.

        :raises Retryable: no readable answer. :raises Misconfigured: SYSPRO posted although it was told not to.
        """
        paths = self.settings.answers
        refusal = refusal_of(reply, self.settings.refusals)
        if refusal == "config":
            raise Misconfigured(
                f"SYSPRO's posting object is not installed or not licensed: {self.masked(reply.body.text[:300])}"
            )
        if refusal is not None or reply.status != 200:
            said = self.masked(reply.body.text[:300]) if refusal else f"HTTP {reply.status}"
            raise Retryable(f"SYSPRO could not validate {draft.reference}: {said}", reply.retry_after_s)
        bill = draft.kind == "bill"
        try:
            root = reply.body.root(paths.invoice_root if bill else paths.journal_root)
            number = answers.whole(answers.value_at(root, paths.invoice_journal if bill else paths.journal_number))
        except Unreadable as error:
            raise Retryable(f"SYSPRO's validation of {draft.reference} cannot be read: {error}") from None
        if number:
            raise Misconfigured(
                f"SYSPRO posted {draft.reference} as journal {number} although it was asked to validate only: this server must "
                "not be used until that is understood; the journal is found again under its reference"
            )
        return answers.findings(root)

    def _raise_for_transport(self, draft: Draft, reply: Reply, raw: str) -> None:
        """Raise for every answer that is not an XML answer of the posting object."""
        name = draft.reference
        if reply.status in _TOO_LONG or (reply.status == 400 and "<html" in raw[:2000].lower()):
            raise Rejected(
                f"The web server refused {name} unread, as too long for a URL: lower erp.max_url_bytes in the tenant file, with "
                "erp.transport: auto it then goes by SOAP",
                raw,
            )
        if reply.status != 200:
            raise UnknownOutcome(f"HTTP {reply.status} came back for {name}", reply.retry_after_s, raw)
        words = raw[:300]
        match refusal_of(reply, self.settings.refusals):
            case None:
                return
            case "session":
                raise NotExecuted(f"SYSPRO had ended the session before {name} was read: {words}")
            case "seats":
                raise NotExecuted(f"SYSPRO has no free seat: {words}", self.settings.seats_delay_s)
            case "config":
                raise Rejected(
                    f"SYSPRO refused {name}: {words}. The posting object is not installed, not licensed or not allowed",
                    raw,
                )
            case "auth" | "malformed":
                raise Rejected(f"SYSPRO refused {name}: {words}", raw)
            case _:
                raise UnclearRefusal(
                    f"SYSPRO answered {name} with a text that says nothing of the posting: {words}", None, raw
                )

    def _refusal(self, draft: Draft, found: list[Finding], raw: str) -> NotExecuted | Rejected:
        known = self.settings.refusals
        if any(known.error_class(finding) == "exists" for finding in found):
            # Perhaps it is ours, from an attempt whose answer was lost: the look-up tells.
            return ReferenceTaken(f"SYSPRO has the invoice {draft.reference} already", raw)
        return Rejected(f"SYSPRO refused {draft.reference}: {self.masked(refusals.explained(found, known))}", raw)

    def _processed(self, draft: Draft, root: etree._Element) -> bool:
        """Whether the counters leave it open that something was posted."""
        paths = self.settings.answers
        if draft.kind == "journal":
            return _count(root, paths.journals_processed) > 0
        # An item rejected for a warning is counted as processed, too.
        rejected = _count(root, paths.items_invalid) + _count(root, paths.items_rejected)
        return _count(root, paths.items_warned) > 0 or (_count(root, paths.items_processed) > 0 and rejected == 0)

    def _journal(self, draft: Draft, root: etree._Element, raw: str, asked: tuple[int, int]) -> ErpDocument | None:
        paths = self.settings.answers
        number = _count(root, paths.journal_number)
        year, period = _count(root, paths.journal_year), _count(root, paths.journal_period)
        if not number or not year or _count(root, paths.postings_invalid):
            return None
        debit = answers.value_at(root, paths.journal_debit)
        status = answers.value_at(root, paths.journal_status) or None
        if (year, period) != asked:
            status = f"{status or ''} booked in period {year}/{period:02d} instead of {asked[0]}/{asked[1]:02d}".strip()
        return ErpDocument(
            number=f"{year}/{number}",
            total_cents=answers.cents(debit) if debit else None,
            posting_date=answers.day(answers.value_at(root, paths.journal_date)),
            status=status,
            raw_answer=raw,
        )

    def _invoice(self, draft: Draft, root: etree._Element, raw: str, asked: tuple[int, int]) -> ErpDocument | None:
        paths = self.settings.answers
        journal = _count(root, paths.invoice_journal)
        bad = sum(_count(root, path) for path in (paths.items_invalid, paths.items_rejected, paths.items_warned))
        if not journal or bad or _count(root, paths.items_processed) != 1:
            return None
        year, month = _count(root, paths.invoice_year), _count(root, paths.invoice_month)
        elsewhere = f" instead of {asked[0]}/{asked[1]:02d}" if year and (year, month) != asked else ""
        return ErpDocument(
            number=invoice_number(self.settings, draft),
            posting_date=draft.posting_date,
            status=f"AP journal {journal} of {year}/{month:02d}{elsewhere}",
            raw_answer=raw,
        )


def invoice_number(settings: SysproSettings, draft: Draft) -> str:
    """A bill's document number: an invoice is known by its supplier and its own number."""
    return f"{settings.supplier}/{draft.reference}"


def _count(root: etree._Element, path: str) -> int:
    return answers.whole(answers.value_at(root, path))
