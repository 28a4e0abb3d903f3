"""Asking one company, and creating once: what every answer means for the caller.

Sage locks a user after bad log-ons, so a refused log-on is never tried again with the same credentials.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from include.erps.sage_100.answers import Unreadable
from include.erps.sage_100.channel import Channel, Created, Credentials
from include.erps.sage_100.documents import Entry
from include.erps.sage_100.failures import ErrorClass, Failure, error_class, is_unlisted
from include.erps.sage_100.settings import Sage100Settings
from include.errors import LookupFailed, Misconfigured, NotExecuted, Rejected, UnclearRefusal, UnknownOutcome
from include.transport import NoAnswer, NotSent

T = TypeVar("T")


class Session:
    """One company through one channel. Nothing is sent before the first question.

    :param reread: reads the connection again, once, after a refused log-on: the password may have been changed meanwhile.
    :param jitter: a random number between its two arguments.
    """

    def __init__(
        self,
        open_channel: Callable[[Credentials], Channel],
        credentials: Credentials,
        settings: Sage100Settings,
        reread: Callable[[], Credentials] | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_channel = open_channel
        self._credentials = credentials
        self._settings = settings
        self._reread = reread
        self._sleep = sleep
        self._jitter = jitter
        self._monotonic = monotonic
        self._opened: Channel | None = None
        self._times_busy = 0
        self._pause_s = 0.0
        self._not_before = float("-inf")

    def ask(self, subject: str, question: Callable[[Channel], T]) -> T:
        """The answer to a question without effect.

        :raises LookupFailed: no reliable answer. :raises Misconfigured: log-on, rights, company or address are wrong.
        """
        answer = self.ask_if_any(subject, question)
        if answer is None:
            raise LookupFailed(f"Sage 100 says that there is no {subject}")
        return answer

    def ask_if_any(self, subject: str, question: Callable[[Channel], T]) -> T | None:
        """Like :meth:`ask`; ``None`` when Sage says that the record does not exist."""
        try:
            return question(self._channel())
        except Failure as failure:
            kind = self._class(failure)
            if kind in ("absent", "period"):
                return None
            if kind == "auth" and self._renewed():
                return self.ask_if_any(subject, question)
            raise self._unanswered(subject, failure, kind) from None
        except Unreadable as error:
            raise LookupFailed(f"Sage 100's answer about {subject} cannot be read: {error}") from None
        except (NotSent, NoAnswer) as error:
            raise LookupFailed(f"Sage 100 could not be asked about {subject}: {error}") from None

    def create(self, entry: Entry, before_send: Callable[[str], None]) -> Created:
        """Create the entry; sent at most once.

        :raises Rejected: definite refusal. :raises NotExecuted: definitely not carried out.
        :raises UnknownOutcome: anything else.
        """
        name = entry.reference
        try:
            return self._channel().create(entry, before_send)
        except Failure as failure:
            raise self._not_created(name, failure) from None
        except Unreadable as error:
            raise UnknownOutcome(f"Sage 100's answer to {name} cannot be read: {error}") from None
        except NotSent as error:
            raise NotExecuted(f"{name} did not reach Sage 100: {error}", self._delay_s(None)) from None
        except NoAnswer as error:
            raise UnknownOutcome(f"{name} was sent to Sage 100: {error}") from None

    def rest(self) -> None:
        """Wait a moment if Sage was just busy: a lock may be the end of our own earlier, timed-out write.

        :raises LookupFailed: Sage itself named a wait that is too long to sit out here.
        """
        pause = max(self._pause_s, self._not_before - self._monotonic())
        self._pause_s = 0.0
        if pause > self._settings.retry_cap_s:
            raise LookupFailed(f"Sage 100 asked to be left alone for another {pause:.0f} s", pause)
        if pause > 0:
            self._sleep(pause)

    def close(self) -> None:
        """Close the connection."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _channel(self) -> Channel:
        if self._opened is None:
            self._opened = self._open_channel(self._credentials)
        return self._opened

    def _class(self, failure: Failure) -> ErrorClass:
        return error_class(failure, self._settings.error_classes)

    def _renewed(self) -> bool:
        reread, self._reread = self._reread, None
        if reread is None:
            return False
        credentials = reread()
        if credentials == self._credentials:
            return False
        self.close()
        self._credentials = credentials
        return True

    def _unanswered(self, subject: str, failure: Failure, kind: ErrorClass) -> LookupFailed | Misconfigured:
        if kind == "auth":
            return Misconfigured(
                f"Sage 100 refused the user {self._credentials.user}, asked about {subject}: {failure}"
            )
        if kind in ("config", "data"):
            return Misconfigured(f"Sage 100 refused the question about {subject}: {failure}")
        delay_s = self._delay_s(failure.retry_after_s) if kind == "busy" else failure.retry_after_s
        return LookupFailed(f"Sage 100 could not be asked about {subject}: {failure}", delay_s)

    def _not_created(self, name: str, failure: Failure) -> Rejected | NotExecuted | UnknownOutcome:
        kind = self._class(failure)
        if kind == "busy":
            delay_s = self._delay_s(failure.retry_after_s)
            return NotExecuted(
                f"Sage 100 was busy with something else and did not take {name}: {failure}. Somebody may have the record open "
                "in Sage, or another program may be writing; if it stays so, have the record closed, then clear this task",
                delay_s,
            )
        if kind == "unknown":
            unlisted = is_unlisted(failure, self._settings.error_classes)
            error = UnclearRefusal if unlisted else UnknownOutcome
            return error(f"Sage 100 answered {name} with {failure}", failure.retry_after_s, failure.raw)
        if kind == "auth" and self._renewed():
            return NotExecuted(
                f"Sage 100 refused the log-on before {name} was read; the connection has been changed since"
            )
        return Rejected(f"Sage 100 refused {name}: {failure}", failure.raw)

    def _delay_s(self, retry_after_s: float | None) -> float:
        """How long the caller should wait, with full jitter: writers that met once must not meet again.

        Within this session the pause before the next look-up doubles; whoever comes back later waits up to the longest.
        """
        self._times_busy += 1
        base, cap = self._settings.retry_base_s, self._settings.retry_cap_s
        self._pause_s = self._jitter(0, min(cap, base * 2 ** (self._times_busy - 1)))
        if retry_after_s is not None:
            self._not_before = self._monotonic() + retry_after_s
        return (retry_after_s or 0.0) + self._jitter(min(base, cap), cap)
