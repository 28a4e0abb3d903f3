"""A scripted ERP: it keeps documents by reference and fails where it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Self

from include.erps.port import Draft, ErpDocument, Problem, Verdict
from include.errors import LookupFailed, NotExecuted, Rejected, UnknownOutcome

Behaviour = Callable[["FakeErp", Draft, Callable[[str], None]], ErpDocument]


def takes_it(erp: FakeErp, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
    before_send("<document/>")
    return erp.store(draft)


def rejects(erp: FakeErp, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
    before_send("<document/>")
    raise Rejected("Account 6100 is on hold", raw_answer="<error>6100</error>")


def does_not_execute(erp: FakeErp, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
    before_send("<document/>")
    raise NotExecuted("no free session", delay_s=7)


def loses_the_answer(erp: FakeErp, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
    """It takes the document, and the answer never arrives."""
    before_send("<document/>")
    erp.store(draft)
    raise UnknownOutcome("the connection was reset", raw_answer="half an ans")


def loses_the_request(erp: FakeErp, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
    """The request never arrives, and nobody can tell."""
    before_send("<document/>")
    raise UnknownOutcome("the connection was reset")


def takes_it_late(erp: FakeErp, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
    """The document appears only when the test calls :meth:`FakeErp.catch_up`."""
    before_send("<document/>")
    erp.late.append(draft)
    raise UnknownOutcome("no answer in time")


def raising(error: BaseException, *, sent: bool = True, stored: bool = False) -> Behaviour:
    """It raises ``error``, after the request was sent or before."""

    def behave(erp: FakeErp, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
        if sent:
            before_send("<document/>")
        if stored:
            erp.store(draft)
        raise error

    return behave


class FakeErp:
    """``creates`` and ``finds`` are scripts: what the next calls do; when they are used up, all goes well."""

    def __init__(self, creates: Iterable[Behaviour] = (), finds: Iterable[BaseException] = ()) -> None:
        self.documents: dict[str, list[ErpDocument]] = {}
        self.creates = list(creates)
        self.finds = list(finds)
        self.calls: list[str] = []
        self.late: list[Draft] = []
        self.sent: list[Draft] = []
        self.completes: list[BaseException] = []
        self.hides_number = False
        self.shown_total: int | None = None
        self.problems: dict[str, tuple[Problem, ...]] = {}
        self.closed_until: date | None = None
        self.fails_check: BaseException | None = None
        self.before_create: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._numbers = 0

    # --- the test's side ---

    def store(self, draft: Draft) -> ErpDocument:
        """The document as the ERP keeps it."""
        with self._lock:
            self._numbers += 1
            document = ErpDocument(
                str(411 + self._numbers),
                draft.control_total_cents if self.shown_total is None else self.shown_total,
                draft.currency,
                draft.posting_date,
                tuple((line.account, line.amount_cents) for line in draft.sent_lines),
                status="Posted",
                raw_answer="<ok/>",
            )
            self.documents.setdefault(draft.reference, []).append(document)
            self.sent.append(draft)
        return replace(document, number=None) if self.hides_number else document

    def catch_up(self) -> None:
        """What came late takes effect."""
        for draft in self.late:
            self.store(draft)
        self.late.clear()

    def live(self, reference: str) -> list[ErpDocument]:
        return [document for document in self.documents.get(reference, ()) if document.live]

    def count(self, call: str) -> int:
        return self.calls.count(call)

    # --- the port ---

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return None

    def check(self, drafts: Sequence[Draft]) -> list[Verdict]:
        self.calls.append("check")
        if self.fails_check is not None:
            raise self.fails_check
        return [self._verdict(draft) for draft in drafts]

    def _verdict(self, draft: Draft) -> Verdict:
        problems = list(self.problems.get(draft.key, ()))
        if self.closed_until is not None and draft.posting_date <= self.closed_until:
            problems.append(Problem("period_closed", str(draft.posting_date), "The period is closed", "Open it"))
        settled = replace(draft, details={"period": draft.posting_date.month})
        return Verdict(settled, tuple(problems))

    def next_open_date(self, draft: Draft) -> date | None:
        return None if self.closed_until is None else date.fromordinal(self.closed_until.toordinal() + 1)

    def find(self, draft: Draft) -> list[ErpDocument]:
        self.calls.append("find")
        if self.finds:
            raise self.finds.pop(0)
        return list(self.documents.get(draft.reference, ()))

    def create(self, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
        self.calls.append("create")
        if self.before_create is not None:
            self.before_create()
        behave = self.creates.pop(0) if self.creates else takes_it
        return behave(self, draft, before_send)

    def complete(self, draft: Draft, document: ErpDocument) -> ErpDocument:
        self.calls.append("complete")
        if self.completes:
            raise self.completes.pop(0)
        if document.number is not None:
            return document
        live = self.live(draft.reference)
        return live[0] if live else document


def look_up_fails() -> LookupFailed:
    return LookupFailed("the query hit its row limit")
