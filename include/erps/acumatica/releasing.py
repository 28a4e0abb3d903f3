"""Releasing a document that stands: an operation that Acumatica may carry out in the background."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from include.erps.acumatica import values
from include.erps.acumatica.documents import bill_type
from include.erps.acumatica.finding import Finding
from include.erps.acumatica.session import Session
from include.erps.acumatica.settings import AcumaticaSettings
from include.erps.acumatica.values import wrapped, written
from include.erps.port import Draft, ErpDocument
from include.errors import Retryable
from include.transport import Answer

_APPROVAL_WAIT_S = 900.0


@dataclass(frozen=True)
class Releasing:
    """:param wait: sleeps for so many seconds."""

    session: Session
    settings: AcumaticaSettings
    finding: Finding
    wait: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic

    def release(self, draft: Draft, document: ErpDocument) -> ErpDocument:
        """Release the document unless it is released already, and read its status back.

        :raises Retryable: it is not released (yet). It stays posted; only the release is tried again.
        """
        name = f"{draft.reference} (document {document.number})"
        status = self._status(draft, document, name)
        if self._is(status, self.settings.statuses.released):
            return replace(document, status=status)
        if not self._is(status, self.settings.statuses.releasable):
            raise Retryable(
                f"{name} stands in Acumatica and cannot be released while it is {status}: approve it or take it off hold there; "
                "only the release is tried again",
                _APPROVAL_WAIT_S,
            )
        self._run(draft, document, name)
        status = self._status(draft, document, name)
        if not self._is(status, self.settings.statuses.released):
            raise Retryable(f"{name} stands in Acumatica and is still {status} after its release")
        return replace(document, status=status)

    def _status(self, draft: Draft, document: ErpDocument, name: str) -> str:
        status = self.finding.status_of(draft, document)
        if not status:
            raise Retryable(f"{name} is not found in Acumatica, so it cannot be released: was it deleted there?")
        return status

    def _run(self, draft: Draft, document: ErpDocument, name: str) -> None:
        number = document.number or ""
        if draft.kind == "bill":
            path, keys = "Bill/ReleaseBill", {"Type": bill_type(draft), "ReferenceNbr": number}
        else:
            path, keys = "JournalTransaction/ReleaseJournalTransaction", {"Module": "GL", "BatchNbr": number}
        answer = self.session.act(path, written({"entity": wrapped(keys), "parameters": {}}), name)
        if answer.status == 204:
            # Done, or nothing to do; an address in it leads nowhere.
            return
        if answer.status != 202:
            if self.settings.errors.says("not_releasable", values.explained(answer.body)):
                return  # released by somebody else meanwhile: the status tells
            raise self._failed(name, answer)
        location = answer.headers.get("Location", "")
        until = self.monotonic() + self.settings.release_timeout_s
        while True:
            answer = self.session.status_of(location, name)
            if answer.status == 204:
                return
            if answer.status not in (200, 202):
                raise self._failed(name, answer)
            if self.monotonic() >= until:
                raise Retryable(f"The release of {name} in Acumatica takes longer than erp.release_timeout_s")
            self.wait(self.settings.release_poll_s)

    def _failed(self, name: str, answer: Answer) -> Retryable:
        said = self.session.masked(values.explained(answer.body))
        return Retryable(
            f"{name} stands in Acumatica, its release failed (HTTP {answer.status}){': ' + said if said else ''}; only the "
            "release is tried again",
            answer.retry_after_s,
        )

    @staticmethod
    def _is(status: str, words: list[str]) -> bool:
        return status.lower() in (word.lower() for word in words)
