"""The servers' side of a case: at one request of one task, kill its process, hold it up, or spoil the answer.

A process that waits for an answer sees nothing between its request's arrival and the answer. So killing it on arrival, and
then carrying the request out or not, is every place at which it can die around an effect.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from include.sandbox.faults import Action, Delay, Drop, Fault, Faults, LateEffect, Wait

Way = Literal["kill before", "kill after", "kill late", "hold before", "hold after", "before", "after"]


@dataclass(frozen=True)
class Request:
    """One request as it was counted: task, its number in the task (from 1), service and operation."""

    task: str
    n: int
    service: str
    operation: str


@dataclass
class HttpFault:
    """What befalls the n-th request of a task.

    ``kill before``: the process dies and the request is not carried out; ``kill after``: it is; ``kill late``: it is, after
    ``seconds``. ``hold before``: the request waits for ``seconds``, or until somebody else asks for the same; ``hold after``:
    its answer waits. ``before`` and ``after``: ``action`` of the sandbox.
    """

    task: str
    n: int
    way: Way
    seconds: float = 0.0
    action: Action | None = None


@dataclass
class Tripwire(Faults):
    """Takes the place of a sandbox's faults and counts the requests of each task's last try."""

    fault: HttpFault | None = None
    task: str = ""
    pid: int = 0
    on_request: Callable[[Request], None] | None = None
    requests: list[Request] = field(default_factory=list)
    met: threading.Event = field(default_factory=threading.Event)

    struck: Request | None = None
    repeated: bool = False
    """Whether somebody else has asked for the same since the fault struck."""

    def __post_init__(self) -> None:
        super().__init__()

    def watch(self, task: str, pid: int) -> None:
        """The next requests come from this process, which begins to count anew."""
        self.task, self.pid = task, pid
        self.requests = [request for request in self.requests if request.task != task]

    def take(self, service: str, operation: str, text: str) -> tuple[Fault | None, Fault | None]:
        n = sum(request.task == self.task for request in self.requests) + 1
        request = Request(self.task, n, service, operation)
        self.requests.append(request)
        if self.on_request is not None:
            self.on_request(request)
        if self.struck is not None and self.struck.operation == operation:
            self.repeated = True
        fault = self.fault
        if fault is None or self.met.is_set() or (fault.task, fault.n) != (self.task, n):
            return super().take(service, operation, text)
        self.struck = request
        self.met.set()
        if fault.way.startswith("kill"):
            os.kill(self.pid, signal.SIGKILL)
        before = after = None
        match fault.way:
            case "kill before":
                before = Drop()
            case "kill late":
                before = LateEffect(fault.seconds)
            case "hold before":
                before = Wait(lambda: self.repeated, fault.seconds)
            case "hold after":
                after = Delay(fault.seconds)
            case "before":
                before = fault.action
            case "after":
                after = fault.action
        return (
            Fault(service, operation, before, "before") if before is not None else None,
            Fault(service, operation, after, "after") if after is not None else None,
        )
