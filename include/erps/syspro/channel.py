"""What REST and SOAP have in common: four operations with named arguments, and their answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from include.erps.syspro.addresses import Argument, Operation
from include.erps.syspro.answers import Body


@dataclass(frozen=True)
class Reply:
    """A complete answer: HTTP status (200 also for refusals), the unwrapped body, ``Retry-After`` in seconds."""

    status: int
    body: Body
    retry_after_s: float | None = None


class Channel(Protocol):
    """One way to reach e.net."""

    @property
    def name(self) -> str:
        """``rest`` or ``soap``."""

    def fits(self, operation: Operation, arguments: Mapping[Argument, str]) -> bool:
        """Whether the channel can carry a call of this length."""

    def call(self, operation: Operation, arguments: Mapping[Argument, str], timeout_s: float | None = None) -> Reply:
        """One call; only queries are repeated when an answer is lost.

        :raises NotSent: nothing reached the server. :raises NoAnswer: no complete, readable answer came back.
        """

    def close(self) -> None:
        """Close the connection."""
