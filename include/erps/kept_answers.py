"""Answers of an ERP that every task may rely on for a short, stated time, instead of asking again in each session.

Only answers that stay true without being asked belong here: that a company can be seen, that an account is active, which
period is the current one. What decides whether a document is there is always asked.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable

from include.erps.shared_state import TokenStore

VIEW_PROOF_S = 300.0
"""How long "this company can be seen" is relied on, where an empty answer would mean nothing without it: rights of an
integration's user change by hand and rarely, and the same rights are asked for by the create that follows."""


class KeptAnswers:
    """Answers about one company, in the store that all tasks share.

    :param store: ``None``: nothing is kept, every question is asked. :param owner: what makes the company, the user and the
        address: other ones never share an answer. :param clock: seconds since the epoch.
    """

    def __init__(self, store: TokenStore | None, erp: str, *owner: str, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._name = f"{erp}:{hashlib.sha256(json.dumps(owner).encode()).hexdigest()[:24]}"
        self._clock = clock
        self._relies = True

    def now(self) -> float:
        """The moment to keep an answer under: taken before its question is asked."""
        return self._clock()

    def ask_anew(self) -> None:
        """Read nothing any more: from here on every question is asked."""
        self._relies = False

    def read(self, what: str, lasts_s: float) -> str | None:
        """The answer, if it was asked for less than ``lasts_s`` seconds ago; 0: never."""
        keeps = self._store is not None and self._relies and lasts_s > 0
        stored = self._store.read(self._key(what)) if self._store is not None and keeps else None
        if stored is None:
            return None
        try:
            kept = json.loads(stored)
            asked_at, value = float(kept["asked_at"]), kept["value"]
        except (ValueError, TypeError, KeyError):
            return None
        # A moment in the future is another machine's wrong clock.
        return value if isinstance(value, str) and 0 <= self._clock() - asked_at < lasts_s else None

    def write(self, what: str, value: str, asked_at: float) -> None:
        """Keep an answer, replacing the one before."""
        if self._store is not None:
            self._store.write(self._key(what), json.dumps({"asked_at": asked_at, "value": value}))

    def forget(self, what: str) -> None:
        """Ask again from here on."""
        if self._store is not None:
            self._store.forget(self._key(what))

    def answer(self, what: str, lasts_s: float, ask: Callable[[], str]) -> str:
        """The kept answer, or a new one. :raises Exception: whatever ``ask`` raises; nothing is kept then."""
        kept = self.read(what, lasts_s)
        if kept is not None:
            return kept
        asked_at = self.now()
        value = ask()
        if lasts_s > 0:
            self.write(what, value, asked_at)
        return value

    def _key(self, what: str) -> str:
        return f"{self._name}:{what}"
