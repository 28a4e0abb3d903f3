"""The ledger as the page opens it: once per API server process, not once per request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends

from expensify_erp.hooks.ledger import LedgerHook
from include.ledger.database import Ledger

ASK_AGAIN_AFTER_S = 30.0


class OpenedLedger:
    """Keeps one ledger open and asks Airflow now and then whether its connection still leads there.

    Opening one per request would cost a connection look-up, a schema check and a new database session each time.
    """

    def __init__(
        self, open_ledger: Callable[[], Ledger] | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._open = open_ledger or LedgerHook().get_conn
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._ledger: Ledger | None = None
        self._asked_at = 0.0

    def __call__(self) -> Ledger:
        """The ledger.

        :raises include.errors.ExpenseError: the connection is wrong or cannot be read now.
        """
        with self._lock:
            now = self._monotonic()
            if self._ledger is None or now - self._asked_at > ASK_AGAIN_AFTER_S:
                found = self._open()
                if self._ledger is None or found.url != self._ledger.url:
                    # The old one is left to requests that still read from it; its sessions end with them.
                    self._ledger = found
                else:
                    found.close()
                self._asked_at = now
            return self._ledger


opened_ledger = OpenedLedger()


def _ledger() -> Ledger:
    return opened_ledger()


LedgerDep = Annotated[Ledger, Depends(_ledger)]
