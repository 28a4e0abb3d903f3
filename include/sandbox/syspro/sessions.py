"""SYSPRO sessions: one per operator, one licensed seat each, ended by inactivity."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from include.sandbox.syspro.books import Company, Operator

__all__ = ["Refused", "Session", "Sessions"]

_INVALID = (
    "The supplied UserID is invalid. Either you were not logged in; or your session has expired. "
    "You will need to logon again."
)


class Refused(Exception):
    """What REST answers as the text `ERROR: ...` under HTTP 200, and SOAP as a fault."""


@dataclass
class Session:
    """A logged-on operator. `id` may end in blanks; clients may send it padded or trimmed."""

    id: str
    operator: Operator
    company: Company
    used_at: float


@dataclass
class Sessions:
    """Open sessions. `idle_s` is the inactivity, in seconds, after which an id is no longer known."""

    operators: dict[str, Operator] = field(default_factory=dict)
    seats: int = 5
    idle_s: float = 1200.0
    lock_after: int = 3
    form: Literal[7, 8] = 7
    clock: Callable[[], float] = time.monotonic
    evictions: int = 0
    open: dict[str, Session] = field(default_factory=dict)

    def logon(
        self,
        companies: Mapping[str, Company],
        name: str,
        password: str,
        company_id: str,
        company_password: str,
    ) -> Session:
        """Open a session; the operator's earlier one ends at once, wherever it was in use."""
        operator = self.operators.get(name.upper())
        if operator is None:
            raise Refused(f"Operator '{name}' not found")
        if operator.locked:
            raise Refused(f"Operator '{name}' is locked")
        if password != operator.password:
            operator.bad_passwords += 1
            operator.locked = operator.bad_passwords >= self.lock_after
            raise Refused("Invalid operator password")
        operator.bad_passwords = 0
        company = companies.get(company_id.upper())
        if company is None:
            raise Refused(f"Company '{company_id}' not found")
        if operator.companies is not None and company.id not in operator.companies:
            raise Refused(f"Operator '{name}' has no access to company '{company_id}'")
        if company_password != company.password:
            raise Refused("Invalid company password")
        for key, session in list(self.open.items()):
            if session.operator is operator:
                del self.open[key]
                self.evictions += 1
        self._take_seat()
        session = Session(self._new_id(), operator, company, self.clock())
        self.open[session.id.strip()] = session
        return session

    def logoff(self, user_id: str) -> None:
        """Give the seat back."""
        self.check(user_id)
        del self.open[user_id.strip()]

    def check(self, user_id: str) -> Session:
        """The session of an id, stamped as used now."""
        session = self.open.get(user_id.strip())
        if session is None:
            raise Refused(_INVALID)
        if self.clock() - session.used_at > self.idle_s:
            del self.open[user_id.strip()]
            raise Refused(_INVALID)
        session.used_at = self.clock()
        return session

    def expire(self) -> None:
        """End all sessions, as after a restart or a long silence."""
        self.open.clear()

    def _take_seat(self) -> None:
        if len(self.open) < self.seats:
            return
        # Only when the class is full is an idle member thrown out for the newcomer.
        oldest = min(self.open.values(), key=lambda session: session.used_at, default=None)
        if oldest is None or self.clock() - oldest.used_at <= self.idle_s:
            raise Refused("The maximum number of licensed e.net users has been reached")
        del self.open[oldest.id.strip()]

    def _new_id(self) -> str:
        if self.form == 7:
            return f"{secrets.token_hex(16).upper()}{secrets.randbelow(100):02d}  "
        return f"{secrets.token_hex(35).upper()}{secrets.randbelow(100000):05d}"
