"""What the conformance suite needs to know of an ERP: one subclass of :class:`Adapter` per ERP (and transport).

An adapter holds a sandbox with a company in which a good draft posts, and stands for the person at that ERP's own screen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from include.erps.port import Draft, Erp
from include.sandbox.server import Sandbox

DAY = date(2026, 10, 20)
"""The day of all drafts. Its period and the one after it are open in the adapter's company."""

TEXT = "Café & <Łó> \"5%\" 'é' 東 €"


@dataclass(frozen=True)
class Stored:
    """A document as the simulated server holds it: what :meth:`Erp.find` must tell.

    ``number`` is spelt like :attr:`ErpDocument.number`, ``total_cents`` counts like :attr:`Draft.control_total_cents`,
    ``lines`` are (account, signed cents) of what was sent. ``texts`` are the lines' descriptions.
    """

    number: str
    total_cents: int
    lines: tuple[tuple[str, int], ...]
    live: bool = True
    texts: tuple[str, ...] = ()


class Adapter(ABC):
    """One ERP with one company. Made anew for each test; the suite starts and stops ``sandbox``.

    The class attributes below are the rule; an ERP that cannot do something says so in its adapter, and the suite skips it.
    """

    service: ClassVar[str]
    """The service's name in the sandbox."""
    look_up: ClassVar[str]
    """The operation that :meth:`Erp.find` asks first, as faults name it (a ``*`` at the end stands for any rest)."""
    create: ClassVar[str]
    """The one operation that has the effect."""
    log_on: ClassVar[str | None] = None
    """The operation that gives a session or token, if there is one."""

    keeps_token: ClassVar[bool] = False
    """The log-on is shared by the sessions that :meth:`open` gives (a cached token); else each logs off when left."""
    holds_accounts: ClassVar[bool] = True
    closes_periods: ClassVar[bool] = True
    moves_periods: ClassVar[bool] = True
    """:meth:`Erp.next_open_date` finds the period after a closed one."""
    refuses_closed_period: ClassVar[bool] = True
    """The server refuses a create in the period that :meth:`close_period` closed (false where only a calendar file says so)."""
    takes_refunds: ClassVar[bool] = True
    """A document whose expenses are negative as a whole."""
    takes_reference_twice: ClassVar[bool] = True
    """The server makes a second document with the same reference."""
    prefix: ClassVar[str] = ""
    """How the references of :meth:`draft` begin."""
    lists_unknown: ClassVar[bool] = True
    """:meth:`Erp.documents` shows documents that nobody named."""
    questions_per_document: ClassVar[int] = 0
    """What each further document costs :meth:`Erp.documents`: its lines, its status, or the look-up itself."""
    voids: ClassVar[bool] = True
    alters: ClassVar[bool] = True

    text_kept: ClassVar[str] = TEXT
    """What the ERP is to hold of :data:`TEXT`, by hand."""
    longest_find_s: ClassVar[float] = 5.0
    definite: ClassVar[Mapping[str, type[Exception]]] = {}
    """Create faults (the suite's ids, as ``"429"``) that this ERP's table calls definite, with the error expected then."""

    sandbox: Sandbox
    secrets: tuple[str, ...]
    """Passwords, client secrets, API keys: everything that no text of ours may hold."""

    @abstractmethod
    def open(self, *, timeout_s: float = 5.0) -> Erp:
        """A new client of the running sandbox, with as few repeats of a look-up and as short waits as its settings allow."""

    @abstractmethod
    def draft(self, *cents: int, key: str = "20261020-1", day: date = DAY, text: str = "Travel") -> Draft:
        """A good draft: one expense line per amount (12,540 cents if none is given), each with ``text`` as its description,
        and one balancing line. Accounts and supplier exist; ``details`` are left to the check."""

    @abstractmethod
    def stored(self, draft: Draft) -> list[Stored]:
        """Every document that the server holds under the draft's reference, oldest first, voided ones included."""

    @abstractmethod
    def remove_account(self, draft: Draft) -> str:
        """Take the account of the draft's first line from the chart; returns it as a finance person knows it."""

    def hold_account(self, draft: Draft) -> str:
        """Bar the account of the draft's first line from posting; returns it."""
        raise NotImplementedError

    def close_period(self, day: date) -> None:
        """Close the period of that day, for clients opened from now on."""
        raise NotImplementedError

    def void(self, draft: Draft) -> None:
        """Void, cancel or reverse the draft's document."""
        raise NotImplementedError

    def alter(self, draft: Draft) -> None:
        """Change an amount of the draft's document by hand."""
        raise NotImplementedError

    def expire(self) -> None:
        """End every session and access token at the server."""
        raise NotImplementedError

    def live_secrets(self) -> tuple[str, ...]:
        """Session ids and tokens that the server has given out."""
        return ()

    def open_sessions(self) -> int:
        """Sessions that hold a seat at the server."""
        return 0

    # --- from what the sandbox records ---

    @property
    def created(self) -> int:
        """How often the create reached the server, whatever became of it."""
        return self._count(self.create)

    @property
    def logged_on(self) -> int:
        """How often the log-on reached the server."""
        return self._count(self.log_on) if self.log_on else 0

    def _count(self, operation: str) -> int:
        wanted = operation.lower()
        asked = [one.lower() for one in self.sandbox.operations(self.service)]
        return sum(one.startswith(wanted[:-1]) if wanted.endswith("*") else one == wanted for one in asked)
