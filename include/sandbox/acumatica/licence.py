"""What the licence allows: sessions, and requests per minute."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from include.sandbox.acumatica.answers import Fail

__all__ = ["Licence"]

_WINDOW_S = 60.0


@dataclass
class Licence:
    """`users` sessions at once; `per_minute` requests, None for no limit.

    From half of `per_minute` on a request is delayed by the time left in the window over the requests left in it, at most
    `longest_delay_s`; at `per_minute` it is refused, is not executed and does not count.
    """

    users: int = 2
    per_minute: int | None = None
    longest_delay_s: float = 600.0
    clock: Callable[[], float] = time.monotonic
    delays: list[float] = field(default_factory=list)
    refused: int = 0
    _times: deque[float] = field(default_factory=deque)

    def admit(self) -> float:
        """The seconds by which this request is delayed; raises 429."""
        if self.per_minute is None:
            return 0.0
        now = self.clock()
        while self._times and self._times[0] <= now - _WINDOW_S:
            self._times.popleft()
        taken = len(self._times)
        if taken >= self.per_minute:
            self.refused += 1
            raise Fail(429, "The custom error module does not recognize this error.")
        self._times.append(now)
        if taken * 2 < self.per_minute:
            return 0.0
        left = _WINDOW_S - (now - self._times[0])
        delay = min(left / (self.per_minute - taken), self.longest_delay_s)
        self.delays.append(delay)
        return delay
