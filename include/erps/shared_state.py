"""What the tasks of one ERP connection share across processes: cached tokens.

An interface only; the ledger implements it (:mod:`include.ledger.token_store`), tests use a simple one.
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
