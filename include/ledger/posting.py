"""Posting exactly once, for every ERP.

None of the ERPs takes an idempotency key. What keeps a journal single is this order, and no other path to a create::

    1  compare-and-set ready -> posting with an attempt and its lease
    2  look the reference up      found -> adopt or conflict; no answer -> stop, never create
    3  create                     only after 2 came back empty (twice, where an earlier create's outcome is unknown)
    4  compare-and-set posting -> posted

A process that is killed anywhere leaves the journal in ``posting`` with its lease. Who comes next waits for the lease's end
and begins at 2.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from include.accounting.money import written
from include.accounting.reasons import Reason
from include.clock import Clock, utc_now
from include.erps.port import Draft, Erp, ErpDocument, asked_anew
from include.errors import (
    Conflict,
    ExpenseError,
    Held,
    NotExecuted,
    ReferenceTaken,
    Refused,
    Rejected,
    Retryable,
    UnknownOutcome,
)
from include.ledger import findings, journals, tables
from include.ledger.adoption import differences
from include.ledger.attempts import STALE_LEASE_S, Attempts, LostLease
from include.ledger.database import Ledger, LedgerBusy
from include.ledger.journals import Actor, Journal, Scope
from include.ledger.plan import Found
from include.transport import send_next_by

MOST_CREATES = 3


@dataclass(frozen=True)
class Posted:
    """A journal that stands in the ERP, or needs nothing any more.

    ``announced``: a finished task has told Airflow of this posting already.
    """

    key: str
    state: str
    document_number: str | None
    total_debit_cents: int
    currency: str | None
    announced: bool


class _Sending:
    """``before_send`` for one create; remembers that the client was allowed to send."""

    def __init__(self, renew: Callable[[str], None]) -> None:
        self._renew = renew
        self.has_begun = False

    def __call__(self, document: str) -> None:
        began = time.monotonic()
        self._renew(document)
        send_next_by(began + STALE_LEASE_S)
        self.has_begun = True


class Poster:
    """Posts journals of one scope through one open ERP session.

    :param open_erp: gives the session when it is needed; a journal that is posted already needs none.
    :param request_timeout_s: the ERP client's total limit of one request. :param settle_s: how long a request whose
        connection was lost may still take effect.
    """

    def __init__(
        self,
        ledger: Ledger,
        scope: Scope,
        open_erp: Callable[[], Erp],
        *,
        request_timeout_s: float,
        settle_s: float,
        actor: Actor,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._scope = scope
        self._open_erp = open_erp
        self._lease_s = request_timeout_s + settle_s
        self._settle_s = settle_s
        self._actor = actor
        self._clock = clock
        self._attempts = Attempts(
            ledger, lease_s=self._lease_s, settle_s=settle_s, actor=actor, clock=clock, monotonic=monotonic
        )

    def post(self, key: str) -> Posted:
        """Bring one journal into the ERP, or find that it is there.

        :raises Refused: it is held, rejected or in conflict; a person decides.
        :raises Retryable: try again later (a lease runs, the outcome is unknown, the ERP cannot be asked).
        """
        for _ in range(10):
            journal = self._read(key)
            if journal.state == "posted":
                return self._finish(journal)
            if journal.state == "closed":
                return _as_posted(journal)
            if journal.state == "ready":
                taken = self._attempts.begin(journal)
            elif journal.state == "posting":
                taken = self._attempts.take_over(journal)
            else:
                raise refusal(journal)
            if taken is not None:
                return self._carry_out(journal, taken)
        raise Retryable(f"journal {key}: other processes keep changing it", delay_s=5)

    def _read(self, key: str) -> Journal:
        with self._ledger.read() as connection:
            found = journals.fetch(connection, self._scope, [key]).get(key)
        if found is None:
            raise Held(f"journal {key} is not in the ledger of {self._scope.target}: clear transform of this run")
        return found

    def _carry_out(self, journal: Journal, attempt_id: int) -> Posted:
        draft = journal.draft()
        is_taken = False
        for round_ in range(1, MOST_CREATES + 1):
            try:
                # Taken over: an earlier create may have been sent, and only an empty answer stands between it and a second.
                erp = asked_anew(self._open_erp()) if journal.state == "posting" else self._open_erp()
                asked_at = self._clock()
                documents = erp.find(draft)
            except ExpenseError:
                self._attempts.end(attempt_id, "lookup_failed", release=True)
                raise
            if documents:
                return self._adopt(journal, draft, attempt_id, documents)
            refused = self._attempts.require_proof_of_absence(journal, attempt_id, asked_at)
            if refused is not None:
                raise self._reject(journal, attempt_id, refused)
            sending = _Sending(partial(self._attempts.renew, journal, attempt_id))
            try:
                document = erp.create(draft, sending)
            except Rejected as error:
                raise self._reject(journal, attempt_id, error) from None
            except NotExecuted as error:
                if is_taken and isinstance(error, ReferenceTaken):
                    raise self._reject(journal, attempt_id, _unseen(error)) from None
                is_taken = isinstance(error, ReferenceTaken)
                again = self._not_executed(journal, attempt_id, error, last=round_ == MOST_CREATES)
                if again is None:
                    raise Retryable(
                        f"journal {journal.key}: the ERP did not carry out the create ({error}); nothing was posted",
                        delay_s=error.delay_s,
                    ) from None
                attempt_id = again
                continue
            except UnknownOutcome as error:
                raise self._unknown(journal, attempt_id, error, error.raw_answer) from None
            except LostLease:
                raise
            except Exception as error:
                # Whatever else it is: once the request was on its way, only the port's own words end the doubt.
                if sending.has_begun:
                    raise self._unknown(journal, attempt_id, error) from error
                if isinstance(error, ExpenseError):
                    self._attempts.end(attempt_id, "not_sent", release=True)
                raise
            finally:
                send_next_by(None)
            return self._confirm(journal, draft, attempt_id, document, "posted")
        raise AssertionError("unreachable: the last round ends in a raise")

    def _adopt(self, journal: Journal, draft: Draft, attempt_id: int, documents: list[ErpDocument]) -> Posted:
        different = differences(draft, documents)
        if not different:
            return self._confirm(journal, draft, attempt_id, documents[0], "adopted")
        message = f"the ERP shows under {draft.reference}: {different}"
        reason = Reason(
            "conflict",
            message[:1].upper() + message[1:],
            "Compare the document in the ERP with this journal, then settle it: adopt, reissue or close",
            subject=draft.reference,
            amount_cents=draft.total_debit_cents,
            currency=draft.currency,
        )
        with self._ledger.write() as connection:
            self._attempts.write_end(connection, attempt_id, "conflict", raw_answer=documents[0].raw_answer)
            moved = self._move_posting(connection, journal, attempt_id, "conflict", message, reasons=[reason.as_json()])
        if not moved:
            raise LostLease(f"journal {journal.key}: another process took it over", delay_s=5)
        raise Conflict(f"journal {journal.key}: {reason.text()}")

    def _confirm(self, journal: Journal, draft: Draft, attempt_id: int, document: ErpDocument, outcome: str) -> Posted:
        now = self._clock()
        number = f" as {document.number}" if document.number else ""
        message = f"{outcome}{number}, {written(draft.total_debit_cents, draft.currency)}"
        differs = document.total_cents is not None and document.total_cents != draft.control_total_cents
        try:
            with self._ledger.write() as connection:
                self._attempts.write_end(connection, attempt_id, outcome, raw_answer=document.raw_answer)
                moved = self._move_posting(
                    connection,
                    journal,
                    attempt_id,
                    "posted",
                    message,
                    document_number=document.number,
                    erp_status=document.status,
                    posted_debit_cents=document.total_cents,
                    posted_at=now,
                    reasons=[],
                    incomplete=True,
                )
                if not moved:
                    raise LostLease(f"journal {journal.key}: it was taken over after its create", delay_s=5)
                if differs:
                    self._find_difference(connection, journal, draft, document, now)
        except LedgerBusy as error:
            raise UnknownOutcome(
                f"journal {journal.key}: the ERP took it{number}, and the ledger could not be written; the next try finds it",
                delay_s=self._lease_s,
            ) from error
        return self._finish(self._read(journal.key), document)

    def _finish(self, journal: Journal, document: ErpDocument | None = None) -> Posted:
        """What may be missing after a create: a number, a release. Never a second create."""
        if journal.incomplete:
            known = document or ErpDocument(
                journal.document_number, journal.posted_debit_cents, status=journal.erp_status
            )
            complete = self._open_erp().complete(journal.draft(), known)
            self._write_completion(journal, known, complete)
            journal = self._read(journal.key)
            if complete.number is None:
                raise Retryable(
                    f"journal {journal.key} is posted, the ERP does not show its number yet; the next try only asks for it",
                    delay_s=self._settle_s,
                )
        return _as_posted(journal)

    def _write_completion(self, journal: Journal, known: ErpDocument, complete: ErpDocument) -> None:
        draft = journal.draft()
        total = known.total_cents if complete.total_cents is None else complete.total_cents
        with self._ledger.write() as connection:
            connection.execute(
                tables.journal.update()
                .where(journals.this(journal), tables.journal.c.state == "posted")
                .values(
                    document_number=complete.number,
                    erp_status=complete.status or known.status,
                    posted_debit_cents=total,
                    incomplete=complete.number is None,
                )
            )
            if total is not None and total != draft.control_total_cents:
                # A total that shows only now is compared only now; the same difference is recorded once.
                shown = replace(complete, total_cents=total)
                self._find_difference(connection, journal, draft, shown, self._clock())

    def _reject(self, journal: Journal, attempt_id: int, error: Rejected) -> ExpenseError:
        reason = Reason(
            "rejected",
            f"The ERP refused the journal: {error}",
            "Correct it in the ERP, in Expensify or in the tenant file, then clear this task",
            amount_cents=journal.total_debit_cents,
            currency=journal.currency,
        )
        with self._ledger.write() as connection:
            self._attempts.write_end(connection, attempt_id, "rejected", raw_answer=error.raw_answer)
            # A definite refusal thaws the journal: it may be derived again, only its key and reference stay.
            moved = self._move_posting(
                connection,
                journal,
                attempt_id,
                "rejected",
                str(error),
                frozen=False,
                attempt_id=None,
                reasons=[reason.as_json()],
            )
        if not moved:
            return LostLease(f"journal {journal.key}: it was taken over after its create was refused", delay_s=5)
        return Rejected(f"journal {journal.key}: {reason.text()}")

    def _not_executed(self, journal: Journal, attempt_id: int, error: NotExecuted, *, last: bool) -> int | None:
        """Another attempt's id, or ``None`` when the journal went back to ``ready``."""
        with self._ledger.write() as connection:
            self._attempts.write_end(connection, attempt_id, "not_executed", raw_answer=str(error), release=True)
            if last:
                self._move_posting(
                    connection, journal, attempt_id, "ready", f"not carried out: {error}", attempt_id=None
                )
                return None
            following = self._attempts.following(connection, journal, attempt_id)
        if following is None:
            raise LostLease(f"journal {journal.key}: another process took it over", delay_s=5)
        return following

    def _unknown(
        self, journal: Journal, attempt_id: int, error: Exception, raw_answer: str | None = None
    ) -> UnknownOutcome:
        attempt = tables.attempt.c
        with self._ledger.write() as connection:
            # A client that does not know its outcome may have sent without saying so.
            sent_at = sa.func.coalesce(attempt.sent_at, self._clock(), type_=attempt.sent_at.type)
            outcome = self._attempts.outcome_in_doubt(error)
            self._attempts.write_end(connection, attempt_id, outcome, raw_answer=raw_answer, sent_at=sent_at)
            until = connection.execute(
                sa.select(attempt.lease_until).where(attempt.attempt_id == attempt_id)
            ).scalar_one()
        wait = max(0.0, (until - self._clock()).total_seconds()) + 0.5
        if isinstance(error, Retryable) and error.delay_s is not None:
            # A server that names a wait does not want to be asked before.
            wait = max(wait, error.delay_s)
        return UnknownOutcome(
            f"journal {journal.key}: it was sent and its outcome is unknown ({_said(error)}); the next try, in {wait:.0f} s, "
            "looks it up and never posts it a second time",
            delay_s=wait,
        )

    def _find_difference(
        self, connection: sa.Connection, journal: Journal, draft: Draft, document: ErpDocument, now: datetime
    ) -> None:
        sent = written(draft.control_total_cents, draft.currency)
        shown = written(document.total_cents or 0)
        found = Found(
            "total_differs",
            draft.report_ids[0] if len(draft.report_ids) == 1 else "",
            journal.key,
            f"Sent {sent}, document {document.number} shows {shown}: correct it in the ERP, then settle the journal",
            f"total_differs:{journal.key}:{document.total_cents}",
        )
        findings.record(connection, self._scope, found, now)

    def _move_posting(
        self, connection: sa.Connection, journal: Journal, attempt: int, to_state: Any, message: str, **values: Any
    ) -> bool:
        posting = replace(journal, state="posting")
        ours = tables.journal.c.attempt_id == attempt
        return journals.move(connection, posting, to_state, self._clock(), self._actor, message, where=[ours], **values)


def _said(error: Exception) -> str:
    """Our own errors speak for themselves; what others say may hold an address or a secret."""
    return str(error) if isinstance(error, ExpenseError) else type(error).__name__


def _unseen(error: ReferenceTaken) -> Rejected:
    """The ERP says twice that it has the reference, and the look-up in between shows nothing."""
    return Rejected(
        f"{error}, but its look-up shows no such document: find out there what uses the reference (a registered, reversed or "
        "otherwise hidden document)",
        error.raw_answer,
    )


def refusal(journal: Journal) -> Refused:
    """The error of a journal that may not be posted, with its reasons as the message."""
    # One line each: a task log does not wrap.
    reasons = [f"{reason.headline()}\n    {reason.fix}" for reason in journal.reasons]
    message = "\n  ".join([f"journal {journal.key} is {journal.state}:", *reasons])
    kinds: dict[str, type[Refused]] = {"rejected": Rejected, "conflict": Conflict}
    return kinds.get(journal.state, Held)(message)


def _as_posted(journal: Journal) -> Posted:
    return Posted(
        journal.key,
        journal.state,
        journal.document_number,
        journal.total_debit_cents,
        journal.currency,
        journal.announced,
    )
