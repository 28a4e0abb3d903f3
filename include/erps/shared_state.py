"""What the tasks of one ERP connection share across processes: cached tokens and request budgets.

Interfaces only; the ledger implements them (:mod:`include.ledger.token_store`, :mod:`include.ledger.limiter`), tests use simple
ones.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol


class TokenStore(Protocol):
    """Tokens kept between tasks, encrypted at rest."""

    def read(self, name: str) -> str | None:
        """The token text stored under ``name`` (JSON of the caller's making), or ``None``."""

    def write(self, name: str, token: str) -> None:
        """Replace the token."""

    def forget(self, name: str) -> None:
        """Remove the token: it was refused, or logged off."""

    def renewing(self, name: str) -> AbstractContextManager[None]:
        """Only one process at a time renews ``name``; read it again inside, another may have renewed it meanwhile.

        :raises include.errors.Retryable: another process keeps the turn for too long.
        """


class RequestBudget(Protocol):
    """A budget of requests shared by all processes that use one credential."""

    def take(self) -> None:
        """Wait until a request may be sent, and count it. :raises include.errors.Retryable: it takes too long."""

    def pause(self, seconds: float) -> None:
        """Nobody sends for ``seconds``: the server said that its limit is reached."""
