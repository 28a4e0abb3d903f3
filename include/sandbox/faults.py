"""Faults that a test or a person can order from the sandbox: dropped, late, cut or replaced answers.

A fault is tied to one operation of one service and says on which side of the effect it strikes. `before`
means that the server never did what was asked; `after` means that it did, and only the answer suffers. That
difference is what a client that must post exactly once has to cope with, so every action works on both sides
where it makes sense.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "Action",
    "Delay",
    "Drip",
    "Drop",
    "Fault",
    "Faults",
    "LateEffect",
    "Replace",
    "Status",
    "Truncate",
    "Wait",
]


@dataclass(frozen=True)
class Drop:
    """Cut the TCP connection without an answer."""


@dataclass(frozen=True)
class Delay:
    """Wait `seconds`: before the effect, or between the effect and its answer."""

    seconds: float


@dataclass(frozen=True)
class Wait:
    """As `Delay`, until `happened` says so, at most `seconds`."""

    happened: Callable[[], bool]
    seconds: float


@dataclass(frozen=True)
class Status:
    """Answer with another status and body, as a proxy in front of the server would."""

    code: int
    body: str | bytes = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Replace:
    """Keep status and headers, put another body in their place."""

    body: str | bytes


@dataclass(frozen=True)
class Truncate:
    """Send only the first `size` bytes of the body.

    By default the length header still announces the whole body and the connection is cut, as when a server
    dies; `clean=True` announces the short length, so that only the content shows the loss.
    """

    size: int
    clean: bool = False


@dataclass(frozen=True)
class Drip:
    """Send the answer in `pieces`, spread over `seconds`: no single read is slow, the whole is."""

    seconds: float
    pieces: int = 10


@dataclass(frozen=True)
class LateEffect:
    """Cut the connection at once; the effect takes place `seconds` later.

    This is the request that a client believes lost while the server still works on it.
    """

    seconds: float


Action = Drop | Delay | Wait | Status | Replace | Truncate | Drip | LateEffect
Match = str | Callable[[str], bool]


@dataclass
class Fault:
    """One order: where it strikes, what happens, how often.

    `operation` is an operation's name, matched without regard to case (see the services for their names); a
    name that ends in `*` matches every operation that begins so. `match` narrows by the request's decoded
    text: a substring or a predicate. The first `skip` matching requests pass unharmed, the next `times` are
    struck.
    """

    service: str
    operation: str
    action: Action
    when: Literal["before", "after"] = "before"
    times: int = 1
    skip: int = 0
    match: Match | None = None
    struck: int = 0

    def __post_init__(self) -> None:
        needs_answer = isinstance(self.action, Replace | Truncate | Drip)
        if needs_answer and self.when == "before":
            raise ValueError(f"{type(self.action).__name__} changes an answer, so it needs when='after'")
        if isinstance(self.action, LateEffect) and self.when == "after":
            raise ValueError("LateEffect decides itself when the effect takes place; leave when='before'")

    def fits(self, service: str, operation: str, text: str) -> bool:
        """Whether this request is one that the order speaks of (regardless of `skip` and `times`)."""
        if service != self.service:
            return False
        wanted, actual = self.operation.lower(), operation.lower()
        if not (actual.startswith(wanted[:-1]) if wanted.endswith("*") else actual == wanted):
            return False
        if self.match is None:
            return True
        return self.match in text if isinstance(self.match, str) else self.match(text)


class Faults:
    """The orders that are open, in the order they were given. Safe to use from any thread."""

    def __init__(self) -> None:
        self._open: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        """Order faults; each stays open until it has struck `times` times."""
        with self._lock:
            self._open.extend(faults)

    def clear(self) -> None:
        """Forget all open orders."""
        with self._lock:
            self._open.clear()

    @property
    def pending(self) -> list[Fault]:
        """Orders that have not struck as often as they should: a test can assert that none is left."""
        with self._lock:
            return list(self._open)

    def take(self, service: str, operation: str, text: str) -> tuple[Fault | None, Fault | None]:
        """The faults that strike this request, one before and one after its effect."""
        chosen: dict[str, Fault] = {}
        with self._lock:
            for fault in list(self._open):
                if fault.when in chosen or not fault.fits(service, operation, text):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.struck += 1
                if fault.struck >= fault.times:
                    self._open.remove(fault)
                chosen[fault.when] = fault
        return chosen.get("before"), chosen.get("after")
