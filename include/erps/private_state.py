"""Tokens and a request budget for one process alone: for questions that must leave no trace, not even in the ledger."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


class PrivateTokens:
    """A :class:`include.erps.shared_state.TokenStore` that ends with the process."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def read(self, name: str) -> str | None:
        """The token stored under ``name``."""
        return self._kept.get(name)

    def write(self, name: str, token: str) -> None:
        """Replace the token."""
        self._kept[name] = token

    def forget(self, name: str) -> None:
        """Remove the token."""
        self._kept.pop(name, None)

    @contextmanager
    def renewing(self, name: str) -> Iterator[None]:
        """Nobody else renews."""
        yield


class PrivateBudget:
    """A :class:`include.request_budget.RequestBudget` that counts this process only.

    What other processes send at the same time is not seen: the server may then refuse a request, and :meth:`pause` waits.

    :param limits: (requests, seconds) pairs, all of which hold.
    """

    def __init__(
        self,
        limits: Sequence[tuple[int, float]],
        *,
        slack_s: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limits = tuple(limits)
        self._slack_s = slack_s
        self._monotonic = monotonic
        self._sleep = sleep
        self._sent: deque[float] = deque(maxlen=max((count for count, _ in self._limits), default=1))
        self._paused_until = float("-inf")

    def take(self) -> None:
        """Wait until a request may be sent, and count it."""
        waits = [self._paused_until - self._monotonic()]
        for count, seconds in self._limits:
            if len(self._sent) >= count:
                waits.append(self._sent[-count] + seconds + self._slack_s - self._monotonic())
        if (wait := max(waits)) > 0:
            self._sleep(wait)
        self._sent.append(self._monotonic())

    def pause(self, seconds: float) -> None:
        """The server said that its limit is reached."""
        self._paused_until = max(self._paused_until, self._monotonic() + seconds)
