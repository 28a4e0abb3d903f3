"""What a client asks before it sends: how many requests a server takes from one credential."""

from __future__ import annotations

from typing import Protocol


class RequestBudget(Protocol):
    """A budget of requests shared by all processes that use one credential.

    The ledger keeps it (:mod:`include.ledger.limiter`); what must leave no trace counts for itself
    (:mod:`include.erps.private_state`).
    """

    def take(self) -> None:
        """Wait until a request may be sent, and count it. :raises include.errors.Retryable: it takes too long."""

    def pause(self, seconds: float) -> None:
        """Nobody sends for ``seconds``: the server said that its limit is reached."""
