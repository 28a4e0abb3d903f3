"""Taking a safeguard out of the protocol, in one process: a proof that cannot fail proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from include.ledger import attempts, posting


def _no_look_up() -> None:
    class Blind:
        """An ERP session whose look-up asks, and always says "not there"."""

        def __init__(self, erp: Any) -> None:
            self._erp = erp

        def __getattr__(self, name: str) -> Any:
            return getattr(self._erp, name)

        def find(self, draft: object) -> list[Any]:
            # Asked all the same: what a look-up writes and sends is counted, so a case must not lose it.
            self._erp.find(draft)
            return []

    init = posting.Poster.__init__

    def blind_init(poster: Any, ledger: Any, scope: Any, open_erp: Callable[[], Any], **options: Any) -> None:
        init(poster, ledger, scope, lambda: Blind(open_erp()), **options)

    posting.Poster.__init__ = blind_init  # type: ignore[method-assign]


def _no_lease() -> None:
    def take_over(self: attempts.Attempts, journal: Any) -> int | None:
        with self._ledger.write() as connection:
            return self.following(connection, journal, journal.attempt_id)

    attempts.Attempts.take_over = take_over  # type: ignore[method-assign]


TAKEN_AWAY: dict[str, Callable[[], None]] = {
    "the look-up": _no_look_up,
    "the lease": _no_lease,
}
