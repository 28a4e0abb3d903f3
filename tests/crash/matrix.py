"""Which cases there are, and playing them: kills at every boundary, and faults at the n-th request or transaction."""

from __future__ import annotations

import itertools
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from include.ledger.database import Ledger
from include.sandbox.faults import Action, Delay, Drop, Status, Truncate
from tests.crash.boundaries import commit_boundary, create_of, request_boundary
from tests.crash.case import (
    HOLD_S,
    SETTLE_S,
    TIMEOUT_BESIDE_A_HOLD_S,
    TIMEOUT_S,
    Blow,
    Case,
    NotHeld,
    Recovery,
    warm_up,
)
from tests.crash.channels import CHANNELS, Channel
from tests.crash.servers import HttpFault, Request
from tests.crash.worker import LedgerFault, Report

PROJECT = Path(__file__).resolve().parent.parent.parent
TASKS = ("extract", "transform", "validate", "load_0", "acknowledge")
"""The tasks under attack; the further boxes are the same code with the same doors."""
TASKS_OF_FURTHER_CHANNELS = ("load_0",)
"""An ERP's second channel shares the other steps with its first."""
FROZEN_S = 120.0
"""At most: until the second worker has posted. Longer than a lease, and than a renewed lease lets a create wait."""


LONGEST_HOLD_S = 60.0


@dataclass(frozen=True)
class Plan:
    """One case: where, how, and what comes after.

    ``moves_at``: the documents move on before that look-up. ``without``: a safeguard of the protocol that is taken away.
    """

    channel: Channel
    task: str
    boundary: str
    how: str
    recovery: Recovery
    blow: Blow
    moves_at: int | None = None
    without: str = ""


@dataclass(frozen=True)
class Result:
    """What became of a plan. ``error`` is empty when everything held."""

    plan: Plan
    met: bool
    outcome: str
    error: str
    seconds: float

    @property
    def held(self) -> bool:
        """Whether all invariants held."""
        return not self.error


@dataclass(frozen=True)
class Recording:
    """What a run without any fault does, in order."""

    requests: tuple[Request, ...]
    reports: dict[str, Report]


class Arena:
    """Where cases are played: folders and an empty ledger to copy."""

    def __init__(self, at_a_time: int) -> None:
        warm_up(PROJECT)
        # Nothing here has to survive a power cut, only kills.
        shared = Path("/dev/shm")
        self._folder = tempfile.TemporaryDirectory(prefix="crash-", dir=shared if shared.is_dir() else None)
        self._root = Path(self._folder.name)
        self._empty = self._root / "empty.db"
        with Ledger(f"sqlite:///{self._empty}") as ledger:
            ledger.create_if_missing()
            with ledger.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        self._numbers = itertools.count(1)
        self._threads = ThreadPoolExecutor(at_a_time, thread_name_prefix="case")
        self._setting_up = threading.Lock()

    def close(self) -> None:
        """Play no further case."""
        self._threads.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def case(self, channel: Channel, without: str = "", timeout_s: float = TIMEOUT_S) -> Case:
        """A fresh case."""
        with self._setting_up:
            folder = self._root / str(next(self._numbers))
            return Case(channel, folder, self._empty, without=without, timeout_s=timeout_s)

    def record(self, channel: Channel) -> Recording:
        """Play a run without any fault."""
        with self.case(channel) as case:
            outcome = case.play()
            case.verify()
            if outcome != "green":
                raise NotHeld(f"{channel.name} without any fault: {outcome}: {case.notes}")
            return Recording(tuple(case.tripwire.requests), dict(case.reports))

    def play(self, plan: Plan) -> Result:
        """One case."""
        began = time.monotonic()
        outcome, error, met = "", "", False
        moved: threading.Event | None = None
        patience = TIMEOUT_S
        if plan.recovery == "second worker":
            held_up = plan.blow.http.seconds if plan.blow.http is not None else 0.0
            patience = max(TIMEOUT_BESIDE_A_HOLD_S, held_up + 2)
        with self.case(plan.channel, plan.without, patience) as case:
            try:
                if plan.moves_at is not None:
                    moved = _move_before_lookup(case, plan.moves_at)
                outcome = case.play(plan.blow, plan.recovery)
                case.verify()
            except NotHeld as problem:
                error = f"{problem}"
            except Exception:  # noqa: BLE001 - the table says so
                error = traceback.format_exc()
            met = case.met and (moved is None or moved.is_set())
            if error:
                error = f"{error}\n  notes: {case.notes}\n  log:\n{_tail(case.folder / 'log')}"
        return Result(plan, met, outcome, error, time.monotonic() - began)

    def play_without(self, plan: Plan, safeguard: str) -> Result:
        """One case with a safeguard of the protocol taken away; a held request waits as long as it has to."""
        http = plan.blow.http
        if http is not None and http.way == "hold before":
            plan = replace(plan, blow=replace(plan.blow, http=replace(http, seconds=LONGEST_HOLD_S)))
        return self.play(replace(plan, without=safeguard))

    def play_all(self, plans: Iterable[Plan]) -> Iterator[Result]:
        """Several cases at a time, as they are planned."""
        return self._threads.map(self.play, plans)

    def each(self, loops: Sequence[Callable[[], Iterator[Result]]]) -> Iterator[Result]:
        """Several loops at a time, each in its own order."""
        for results in self._threads.map(lambda loop: list(loop()), loops):
            yield from results

    def loop(self, plan: Callable[[int], Plan]) -> Iterator[Result]:
        """The same fault at n = 1, 2, 3 ... until a run ends without having met it."""
        for n in itertools.count(1):
            result = self.play(plan(n))
            if not result.met and result.held:
                return
            yield result
            if not result.met:
                return


def _move_before_lookup(case: Case, n: int) -> threading.Event:
    """Set as soon as the documents have moved on."""
    moved = threading.Event()
    searches = itertools.count(1)
    move = case.channel.moves
    assert move is not None

    def on_request(request: Request) -> None:
        if (
            case.tripwire.met.is_set()
            and any(request.operation.startswith(one) for one in case.channel.search)
            and next(searches) == n
        ):
            move(case.company)
            moved.set()

    case.tripwire.on_request = on_request
    return moved


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-60:]) if log.exists() else ""


def attacked(channel: Channel) -> tuple[str, ...]:
    """The tasks that are attacked in a channel."""
    first = next(one for one in CHANNELS if one.erp.name == channel.erp.name)
    return TASKS if channel is first else TASKS_OF_FURTHER_CHANNELS


# --- kills ----------------------------------------------------------------------------------------------------------

AFTER_A_KILL: tuple[Recovery, ...] = ("retry", "clear")


def kills(channel: Channel, recording: Recording) -> Iterator[Plan]:
    """kill -9 before and after every request and every commit, then a retry or a clear; and two workers at once."""
    for request in recording.requests:
        if request.task in attacked(channel):
            yield from _kills_at_request(channel, request, recording.requests)
    for task in attacked(channel):
        for n, written in enumerate(recording.reports[task].commits, start=1):
            boundary = commit_boundary(task, written)
            for when in ("before", "after"):
                blow = Blow(task, ledger=LedgerFault(n, f"kill {when}"))  # type: ignore[arg-type]
                for recovery in AFTER_A_KILL:
                    yield Plan(channel, task, f"{boundary} (commit {n})", f"kill -9 {when}", recovery, blow)
                held = Blow(task, ledger=LedgerFault(n, f"hold {when}", HOLD_S))  # type: ignore[arg-type]
                yield Plan(channel, task, f"{boundary} (commit {n})", f"held up {when}", "second worker", held)
            if task == "load_0":
                frozen = Blow(task, ledger=LedgerFault(n, "hold after", FROZEN_S))
                yield Plan(channel, task, f"{boundary} (commit {n})", "frozen past its lease", "second worker", frozen)
    yield from _moves(channel, recording)


def _kills_at_request(channel: Channel, request: Request, requests: Sequence[Request]) -> Iterator[Plan]:
    name = request_boundary(channel, request, requests)
    boundary = f"{name} (request {request.n})"

    def plan(way: str, how: str, recovery: Recovery, seconds: float = 0.0) -> Plan:
        fault = HttpFault(request.task, request.n, way, seconds)  # type: ignore[arg-type]
        return Plan(channel, request.task, boundary, how, recovery, Blow(request.task, http=fault))

    matters = name in ("create", "release", "mark")
    for when in ("before", "after"):
        # Where a request only reads, both sides are alike to the world: half of the combinations say as much.
        if matters or when == "before":
            yield plan(f"kill {when}", f"kill -9 {when}", "retry")
        if matters or when == "after":
            yield plan(f"kill {when}", f"kill -9 {when}", "clear")
            if request.task not in ("validate", "acknowledge") or matters:
                yield plan(f"hold {when}", f"held up {when}", "second worker", HOLD_S)
    if matters:
        for recovery in AFTER_A_KILL:
            # As long after the process's death as the settle time allows, counted from the request's own limit.
            yield plan("kill late", "kill -9, effect late", recovery, TIMEOUT_S + SETTLE_S * 0.7)


def _moves(channel: Channel, recording: Recording) -> Iterator[Plan]:
    """The ERP's own job moves the document between the look-ups after a lost answer."""
    if channel.moves is None:
        return
    create = create_of(channel, recording.requests)
    searches = sum(
        any(one.operation.startswith(search) for search in channel.search)
        for one in recording.requests
        if one.task == "load_0" and one.n < create.n
    )
    for n in range(1, searches + 2):
        for way, how in (("kill after", "kill -9 after"), ("after", "answer lost")):
            fault = HttpFault("load_0", create.n, way, action=Drop() if way == "after" else None)  # type: ignore[arg-type]
            boundary = f"moved before look-up {n}"
            yield Plan(channel, "load_0", boundary, how, "retry", Blow("load_0", http=fault), moves_at=n)


# --- fault loops ----------------------------------------------------------------------------------------------------

Side = Literal["before", "after"]
ANSWERS: dict[str, tuple[Side, Action]] = {
    "reset before the effect": ("before", Drop()),
    "reset after the effect": ("after", Drop()),
    "500 before the effect": ("before", Status(500, "<html>Internal Server Error</html>")),
    "500 after the effect": ("after", Status(500, "<html>Internal Server Error</html>")),
    "too late, effect late": ("before", Delay(TIMEOUT_S + SETTLE_S * 0.6)),
    "too late, effect in time": ("after", Delay(TIMEOUT_S + SETTLE_S * 0.6)),
    "cut short": ("after", Truncate(20)),
    "cut short unseen": ("after", Truncate(20, clean=True)),
}
LEDGER_FAULTS = {
    "ledger fails to begin": "fail begin",
    "ledger fails to commit": "fail before",
    "acknowledgement lost": "fail after",
}
REFUSED = "connection refused"
KINDS = (*ANSWERS, REFUSED, *LEDGER_FAULTS)


def fault(channel: Channel, task: str, kind: str, n: int) -> Plan:
    """The n-th request, or transaction, of a task meets a fault."""
    if kind in ANSWERS:
        side, action = ANSWERS[kind]
        blow, boundary = Blow(task, http=HttpFault(task, n, side, action=action)), f"request {n}"
    elif kind == REFUSED:
        blow, boundary = Blow(task, refuse_connection=n), f"request {n}"
    else:
        blow = Blow(task, ledger=LedgerFault(n, LEDGER_FAULTS[kind]))  # type: ignore[arg-type]
        boundary = f"{'transaction' if 'begin' in kind else 'commit'} {n}"
    return Plan(channel, task, boundary, kind, "retry", blow)


def named(result: Result, recording: Recording) -> Result:
    """The result with its boundary's name instead of its number alone."""
    plan = result.plan
    what, _, number = plan.boundary.partition(" ")
    n = int(number)
    name = ""
    if what == "request":
        name = next(
            (
                request_boundary(plan.channel, one, recording.requests)
                for one in recording.requests
                if (one.task, one.n) == (plan.task, n)
            ),
            "",
        )
    elif what == "commit" and n <= len(recording.reports[plan.task].commits):
        name = commit_boundary(plan.task, recording.reports[plan.task].commits[n - 1])
    return replace(result, plan=replace(plan, boundary=f"{name} ({plan.boundary})" if name else plan.boundary))
