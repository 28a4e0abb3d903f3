"""What went wrong, named by what the caller does next.

::

    ExpenseError
     ├── Retryable            try again later; nothing was lost, nothing was posted twice
     │    ├── LookupFailed    the ERP could not be asked: never create after it
     │    ├── LeaseRunning    another process may be posting this journal: wait until its lease ends
     │    └── UnknownOutcome  a create was sent and its effect is not known: wait, then look it up
     │         └── UnclearRefusal  it was answered with an error of no known meaning: not there after all, it was refused
     ├── NotExecuted          the ERP certainly did not carry out the create: look up, then create again
     │    └── ReferenceTaken  because it has a document under our reference already: perhaps ours, the look-up tells
     └── Refused              trying again without a person changes nothing
          ├── Held            a rule of ours stops the journal: mapping, period, control total
          ├── Rejected        the ERP refused the document in its own words
          ├── Conflict        the ERP shows something else under our reference: a person decides
          ├── Unreconciled    Expensify, the ledger and the ERP do not say the same: a person decides
          └── Misconfigured   credentials, addresses or settings are wrong

Every message says what happened, to which record, and what to do next. No message carries a secret or a URL.
"""

from datetime import datetime


class ExpenseError(Exception):
    """Base of all errors raised on purpose."""


class Retryable(ExpenseError):
    """A transient failure.

    :param delay_s: the earliest useful wait in seconds, when the failure itself says so (a rate limit, a lease);
        ``None`` leaves it to the caller's back-off.
    """

    def __init__(self, message: str, delay_s: float | None = None) -> None:
        super().__init__(message)
        self.delay_s = delay_s


class LookupFailed(Retryable):
    """The ERP could not be asked whether the reference exists. An unanswered look-up is never "not found"."""


class LeaseRunning(Retryable):
    """Another process holds the journal's lease until ``until`` (UTC)."""

    def __init__(self, message: str, delay_s: float, until: datetime) -> None:
        super().__init__(message, delay_s)
        self.until = until


class UnknownOutcome(Retryable):
    """A create was sent, and whether it took effect is not known."""

    def __init__(self, message: str, delay_s: float | None = None, raw_answer: str | None = None) -> None:
        super().__init__(message, delay_s)
        self.raw_answer = raw_answer


class UnclearRefusal(UnknownOutcome):
    """A create was answered with an error that nobody has listed, so its effect is not known. Once it is proved that no document
    is there, the answer counts as a refusal: the same document is not sent again without a person.
    """


class NotExecuted(ExpenseError):
    """A create was certainly not carried out (refused before execution: no connection, session, throttle)."""

    def __init__(self, message: str, delay_s: float | None = None) -> None:
        super().__init__(message)
        self.delay_s = delay_s


class ReferenceTaken(NotExecuted):
    """A create was refused because the reference is in use. Refused so again after a look-up that shows no such document, it
    is a refusal: asking a third time changes nothing.

    ``raw_answer`` is the ERP's answer without secrets.
    """

    def __init__(self, message: str, raw_answer: str | None = None) -> None:
        super().__init__(message)
        self.raw_answer = raw_answer


class Refused(ExpenseError):
    """Trying again without a person changes nothing."""


class Held(Refused):
    """The journal breaks a rule of ours; its reasons say what to change and where."""


class Rejected(Refused):
    """The ERP refused the document. ``raw_answer`` is its answer without secrets."""

    def __init__(self, message: str, raw_answer: str | None = None) -> None:
        super().__init__(message)
        self.raw_answer = raw_answer


class Conflict(Refused):
    """The ERP shows a different, a voided, or more than one document under our reference."""


class Unreconciled(Refused):
    """A reconciliation found differences; they are in the ledger, and the first ones in the message."""


class Misconfigured(Refused):
    """Credentials, addresses, rights or settings are wrong: a person has to correct them."""
