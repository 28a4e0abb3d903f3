"""Expensify's request budget: 5 requests in any 10 seconds and 20 in any 60, per credential pair."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["RateLimits"]


@dataclass
class RateLimits:
    """Sliding windows over all jobs of one credential pair, downloads included.

    `windows` are (requests, seconds); an empty tuple switches the limit off. Whether a refused request counts
    is not documented, nor whether the refusal is an HTTP status or a body code, nor whether it says when to
    return: the three switches make each of them testable.
    """

    windows: tuple[tuple[int, float], ...] = ((5, 10.0), (20, 60.0))
    count_refused: bool = False
    form: Literal["http", "body"] = "http"
    retry_after: bool = False
    clock: Callable[[], float] = time.monotonic
    refused: int = 0
    _seen: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque), repr=False)

    def refuse(self, credential: str) -> float | None:
        """None when the request may pass, else the seconds until the next one may."""
        now = self.clock()
        seen = self._seen[credential]
        horizon = max((seconds for _, seconds in self.windows), default=0.0)
        while seen and seen[0] <= now - horizon:
            seen.popleft()
        wait = 0.0
        for requests, seconds in self.windows:
            recent = [moment for moment in seen if moment > now - seconds]
            if len(recent) >= requests:
                wait = max(wait, recent[-requests] + seconds - now)
        if wait > 0:
            self.refused += 1
            if self.count_refused:
                seen.append(now)
            return wait
        seen.append(now)
        return None
