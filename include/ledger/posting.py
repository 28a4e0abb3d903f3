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
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from include.accounting.money import written
from include.accounting.reasons import Reason
from include.clock import Clock, utc_now
from include.erps.port import Draft, Erp, ErpDocument
from include.errors import (
    Conflict,
    ExpenseError,
    Held,
    LeaseRunning,
    NotExecuted,
    Refused,
    Rejected,
    Retryable,
    UnknownOutcome,
)
from include.ledger import findings, journals, tables
from include.ledger.database import Ledger, LedgerBusy
from include.ledger.journals import Actor, Journal, Scope
from include.ledger.plan import Found

MOST_CREATES = 3
STALE_LEASE_S = 5.0
"""A create is not sent when its lease was renewed longer ago than this: the process may have been suspended."""


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


class _LostLease(Retryable):
    """Another process took the journal over before anything was sent."""


class _Sending:
    """``before_send`` for one create; remembers that the client was allowed to send."""

    def __init__(self, renew: Callable[[str], None]) -> None:
        self._renew = renew
        self.has_begun = False

    def __call__(self, document: str) -> None:
        self._renew(document)
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
        self._monotonic = monotonic

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
                taken = self._begin(journal)
            elif journal.state == "posting":
                taken = self._take_over(journal)
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

    # --- step 1 ---

    def _begin(self, journal: Journal) -> int | None:
        with self._ledger.write() as connection:
            attempt_id = self._insert_attempt(connection, journal)
            moved = journals.move(
                connection,
                journal,
                "posting",
                self._clock(),
                self._actor,
                "began to post",
                attempt_id=attempt_id,
                frozen=True,
            )
            if not moved:
                connection.execute(tables.attempt.delete().where(tables.attempt.c.attempt_id == attempt_id))
            return attempt_id if moved else None

    def _take_over(self, journal: Journal) -> int | None:
        with self._ledger.write() as connection:
            if not self._holds(connection, journal, journal.attempt_id):
                return None
            attempt = tables.attempt.c
            until = connection.execute(
                sa.select(attempt.lease_until).where(attempt.attempt_id == journal.attempt_id)
            ).scalar_one()
            left = (until - self._clock()).total_seconds()
            if left > 0:
                raise LeaseRunning(
                    f"journal {journal.key}: an earlier try may still be posting it; this one waits until {until:%H:%M:%S} UTC "
                    "and then looks it up",
                    delay_s=left + 0.5,
                    until=until,
                )
            return self._next_attempt(connection, journal, journal.attempt_id)

    def _holds(self, connection: sa.Connection, journal: Journal, attempt_id: int | None) -> bool:
        """Whether the journal is being posted by this attempt; its row stays locked until the transaction ends.

        Renewing a lease and taking over after one both begin here, so that neither overlooks the other.
        """
        columns = tables.journal.c
        query = (
            sa.select(columns.attempt_id)
            .where(journals.this(journal), columns.state == "posting", columns.attempt_id == attempt_id)
            .with_for_update()
        )
        return connection.execute(query).first() is not None

    def _next_attempt(self, connection: sa.Connection, journal: Journal, old: int | None) -> int | None:
        """Compare-and-set the journal's attempt; ``None`` when another process was faster."""
        attempt_id = self._insert_attempt(connection, journal)
        taken = connection.execute(
            tables.journal.update()
            .where(journals.this(journal), tables.journal.c.state == "posting", tables.journal.c.attempt_id == old)
            .values(attempt_id=attempt_id)
        )
        if taken.rowcount != 1:
            connection.execute(tables.attempt.delete().where(tables.attempt.c.attempt_id == attempt_id))
            return None
        return attempt_id

    def _insert_attempt(self, connection: sa.Connection, journal: Journal) -> int:
        now = self._clock()
        result = connection.execute(
            tables.attempt.insert().values(
                tenant=journal.tenant,
                target=journal.target,
                journal_key=journal.key,
                started_at=now,
                lease_until=now + timedelta(seconds=self._lease_s),
                **self._actor.columns(),
            )
        )
        key = result.inserted_primary_key
        assert key is not None
        return int(key[0])

    # --- steps 2 to 4 ---

    def _carry_out(self, journal: Journal, attempt_id: int) -> Posted:
        draft = journal.draft()
        for round_ in range(1, MOST_CREATES + 1):
            try:
                erp = self._open_erp()
                asked_at = self._clock()
                documents = erp.find(draft)
            except ExpenseError:
                self._end(attempt_id, "lookup_failed", release=True)
                raise
            if documents:
                return self._adopt(journal, draft, attempt_id, documents)
            self._require_proof_of_absence(journal, attempt_id, asked_at)
            sending = _Sending(partial(self._before_send, journal, attempt_id))
            try:
                document = erp.create(draft, sending)
            except Rejected as error:
                raise self._reject(journal, attempt_id, error) from None
            except NotExecuted as error:
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
            except _LostLease:
                raise
            except Exception as error:
                # Whatever else it is: once the request was on its way, only the port's own words end the doubt.
                if sending.has_begun:
                    raise self._unknown(journal, attempt_id, error) from error
                if isinstance(error, ExpenseError):
                    self._end(attempt_id, "not_sent", release=True)
                raise
            return self._confirm(journal, draft, attempt_id, document, "posted")
        raise AssertionError("unreachable: the last round ends in a raise")

    def _before_send(self, journal: Journal, attempt_id: int, document: str) -> None:
        """Renew the lease for the one request that has the effect; raises when the journal is no longer ours."""
        began = self._monotonic()
        with self._ledger.write() as connection:
            if not self._holds(connection, journal, attempt_id):
                raise _LostLease(f"journal {journal.key}: another process took it over; nothing was sent", delay_s=5)
            now = self._clock()
            connection.execute(
                tables.attempt.update()
                .where(tables.attempt.c.attempt_id == attempt_id)
                .values(sent_at=now, lease_until=now + timedelta(seconds=self._lease_s), document=document)
            )
        if self._monotonic() - began > STALE_LEASE_S:
            self._end(attempt_id, "not_sent", release=True, sent_at=None)
            raise _LostLease(f"journal {journal.key}: the ledger was too slow to lease it; nothing was sent", delay_s=5)

    def _require_proof_of_absence(self, journal: Journal, attempt_id: int, asked_at: datetime) -> None:
        """One empty look-up is proof, unless an earlier create's outcome is unknown: then a second, a settle time later.

        :param asked_at: when this empty look-up began; the one before counts from its end.
        """
        attempt = tables.attempt.c
        mine = sa.and_(
            attempt.target == journal.target,
            attempt.tenant == journal.tenant,
            attempt.journal_key == journal.key,
        )
        now = self._clock()
        with self._ledger.write() as connection:
            if not self._holds(connection, journal, attempt_id):
                raise _LostLease(f"journal {journal.key}: another process took it over; nothing was sent", delay_s=5)
            unknown = sa.and_(
                mine,
                attempt.sent_at.is_not(None),
                sa.or_(attempt.outcome.is_(None), attempt.outcome == "unknown"),
                attempt.attempt_id != attempt_id,
            )
            last_sent = connection.execute(sa.select(sa.func.max(attempt.sent_at)).where(unknown)).scalar()
            if last_sent is None:
                return
            first_empty = connection.execute(
                sa.select(sa.func.min(attempt.absent_at)).where(mine, attempt.absent_at > last_sent)
            ).scalar()
            since = (asked_at - first_empty).total_seconds() if first_empty is not None else -1.0
            if first_empty is not None and since >= self._settle_s:
                connection.execute(tables.attempt.update().where(unknown).values(outcome="absent", ended_at=now))
                return
            wait = self._settle_s - max(since, 0.0)
            connection.execute(
                tables.attempt.update()
                .where(attempt.attempt_id == attempt_id)
                .values(absent_at=now, outcome="absent_once", ended_at=now, lease_until=now + timedelta(seconds=wait))
            )
        raise Retryable(
            f"journal {journal.key}: the outcome of an earlier create is unknown and the ERP shows nothing yet; it is looked "
            f"up once more in {wait:.0f} s before it is created again",
            delay_s=wait + 0.5,
        )

    def _adopt(self, journal: Journal, draft: Draft, attempt_id: int, documents: list[ErpDocument]) -> Posted:
        differences = _differences(draft, documents)
        if not differences:
            return self._confirm(journal, draft, attempt_id, documents[0], "adopted")
        message = f"the ERP shows under {draft.reference}: {differences}"
        reason = Reason(
            "conflict",
            message[:1].upper() + message[1:],
            "Compare the document in the ERP with this journal, then settle it: adopt, reissue or close",
            subject=draft.reference,
            amount_cents=draft.total_debit_cents,
            currency=draft.currency,
        )
        with self._ledger.write() as connection:
            self._write_end(connection, attempt_id, "conflict", raw_answer=documents[0].raw_answer)
            moved = self._move_posting(connection, journal, attempt_id, "conflict", message, reasons=[reason.as_json()])
        if not moved:
            raise _LostLease(f"journal {journal.key}: another process took it over", delay_s=5)
        raise Conflict(f"journal {journal.key}: {reason.text()}")

    def _confirm(self, journal: Journal, draft: Draft, attempt_id: int, document: ErpDocument, outcome: str) -> Posted:
        now = self._clock()
        number = f" as {document.number}" if document.number else ""
        message = f"{outcome}{number}, {written(draft.total_debit_cents, draft.currency)}"
        differs = document.total_cents is not None and document.total_cents != draft.control_total_cents
        try:
            with self._ledger.write() as connection:
                self._write_end(connection, attempt_id, outcome, raw_answer=document.raw_answer)
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
                    raise _LostLease(f"journal {journal.key}: it was taken over after its create", delay_s=5)
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
            self._write_end(connection, attempt_id, "rejected", raw_answer=error.raw_answer)
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
            return _LostLease(f"journal {journal.key}: it was taken over after its create was refused", delay_s=5)
        return Rejected(f"journal {journal.key}: {reason.text()}")

    def _not_executed(self, journal: Journal, attempt_id: int, error: NotExecuted, *, last: bool) -> int | None:
        """Another attempt's id, or ``None`` when the journal went back to ``ready``."""
        with self._ledger.write() as connection:
            self._write_end(connection, attempt_id, "not_executed", raw_answer=str(error), release=True)
            if last:
                self._move_posting(
                    connection, journal, attempt_id, "ready", f"not carried out: {error}", attempt_id=None
                )
                return None
            following = self._next_attempt(connection, journal, attempt_id)
        if following is None:
            raise _LostLease(f"journal {journal.key}: another process took it over", delay_s=5)
        return following

    def _unknown(
        self, journal: Journal, attempt_id: int, error: Exception, raw_answer: str | None = None
    ) -> UnknownOutcome:
        attempt = tables.attempt.c
        with self._ledger.write() as connection:
            # A client that does not know its outcome may have sent without saying so.
            sent_at = sa.func.coalesce(attempt.sent_at, self._clock(), type_=attempt.sent_at.type)
            self._write_end(connection, attempt_id, "unknown", raw_answer=raw_answer, sent_at=sent_at)
            until = connection.execute(
                sa.select(attempt.lease_until).where(attempt.attempt_id == attempt_id)
            ).scalar_one()
        wait = max(0.0, (until - self._clock()).total_seconds()) + 0.5
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

    def _end(self, attempt_id: int, outcome: str, *, release: bool, **values: Any) -> None:
        """Close an attempt that has sent nothing; its lease ends at once. Best effort: an unwritten lease just runs out."""
        try:
            with self._ledger.write() as connection:
                self._write_end(connection, attempt_id, outcome, release=release, **values)
        except LedgerBusy:
            return

    def _write_end(
        self, connection: sa.Connection, attempt_id: int, outcome: str, *, release: bool = False, **values: Any
    ) -> None:
        now = self._clock()
        if release:
            values["lease_until"] = now
        connection.execute(
            tables.attempt.update()
            .where(tables.attempt.c.attempt_id == attempt_id)
            .values(outcome=outcome, ended_at=now, **values)
        )


def _said(error: Exception) -> str:
    """Our own errors speak for themselves; what others say may hold an address or a secret."""
    return str(error) if isinstance(error, ExpenseError) else type(error).__name__


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


def _differences(draft: Draft, documents: list[ErpDocument]) -> str:
    """What keeps the documents found from being ours; empty when exactly one live document equals the draft."""
    if len(documents) > 1:
        numbers = ", ".join(str(document.number) for document in documents)
        return f"{len(documents)} documents ({numbers})"
    document = documents[0]
    name = f"document {document.number}"
    if not document.live:
        return f"{name}, which is {document.status or 'voided'}"
    if document.total_cents is not None and document.total_cents != draft.control_total_cents:
        return f"{name} over {written(document.total_cents)} instead of {written(draft.control_total_cents)}"
    if document.currency is not None and document.currency != draft.currency:
        return f"{name} in {document.currency} instead of {draft.currency}"
    if document.posting_date is not None and document.posting_date != draft.posting_date:
        return f"{name} of {document.posting_date} instead of {draft.posting_date}"
    if document.lines is not None:
        theirs = Counter((account.upper(), cents) for account, cents in document.lines)
        ours = Counter((line.account.upper(), line.amount_cents) for line in draft.sent_lines)
        if theirs != ours:
            return f"{name} with other lines"
    return ""
