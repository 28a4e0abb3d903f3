"""Several workers on one journal: real threads, real processes, and every interleaving that chance comes up with."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.erps.port import Draft, ErpDocument
from include.errors import LookupFailed, NotExecuted, Refused, Rejected, Retryable, UnknownOutcome
from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.journals import Actor
from include.ledger.posting import Poster
from tests.include.ledger.company import START, Company, report
from tests.include.ledger.fake_erp import FakeErp

KEY = "20261120-1"
REFERENCE = "EXP-20261120-1"
WORKERS = 4


@pytest.fixture
def ready(company: Company) -> Company:
    company.claim(report("R1"))
    company.check()
    return company


# --- for real ---


class FolderErp(FakeErp):
    """Documents are files, so that processes share them; a create takes a while and may lose its answer."""

    def __init__(self, folder: Path, *, loses_answers: bool) -> None:
        super().__init__()
        self.folder = folder
        self.loses_answers = loses_answers

    def find(self, draft: Draft) -> list[ErpDocument]:
        return [ErpDocument(path.name, int(path.read_text())) for path in sorted(self.folder.glob("[0-9]*"))]

    def create(self, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
        before_send("<document/>")
        time.sleep(0.1)
        path = self.folder / str(time.time_ns())
        path.write_text(str(draft.control_total_cents))
        if self.loses_answers:
            raise UnknownOutcome("the connection was reset")
        return ErpDocument(path.name, draft.control_total_cents)


def keep_posting(url: str, scope: Any, folder: Path, loses_answers: bool, start: Any) -> None:
    """What one Airflow worker does: try, wait as told, try again."""
    start.wait()
    with Ledger(url) as ledger:
        erp = FolderErp(folder, loses_answers=loses_answers)
        poster = Poster(ledger, scope, lambda: erp, request_timeout_s=0.5, settle_s=0.2, actor=Actor())
        for _ in range(40):
            try:
                poster.post(KEY)
            except Retryable as error:
                time.sleep(min(error.delay_s or 0.2, 1.0))
            else:
                return
    raise AssertionError("not posted")


@pytest.mark.parametrize("loses_answers", [False, True], ids=["answers", "lost_answers"])
def test_processes_that_post_the_same_journal_make_one_document(
    ready: Company, tmp_path: Path, loses_answers: bool
) -> None:
    folder = tmp_path / "erp"
    folder.mkdir()
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(WORKERS)
    url = ready.ledger.url.render_as_string(hide_password=False)
    arguments = (url, ready.scope, folder, loses_answers, start)
    processes = [fork.Process(target=keep_posting, args=arguments) for _ in range(WORKERS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * WORKERS
    (document,) = folder.iterdir()
    assert ready.states() == {KEY: "posted"}
    assert ready.journal(KEY).document_number == document.name


def test_threads_that_post_the_same_journal_make_one_document(ready: Company) -> None:
    erp = FakeErp()
    start = threading.Barrier(WORKERS)
    ends: list[str] = []

    def work() -> None:
        start.wait()
        for _ in range(50):
            try:
                ends.append(ready.poster(erp).post(KEY).state)
            except Retryable:
                time.sleep(0.05)
            else:
                return

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ends == ["posted"] * WORKERS
    assert len(erp.sent) == 1
    assert ready.moves(KEY).count(("posting", "posted")) == 1


# --- by chance ---


class Killed(BaseException):
    """A worker's process ends here."""


class Chance:
    """Decides who goes on: exactly one worker runs at a time, from one step to the next."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.now = START + timedelta(hours=1)
        self.pace = random.choice([[0, 0, 1, 7, 31, 95], [0, 0, 0, 1, 2, 4, 16], [0, 5, 16]])
        self.has_faults = True
        self.steps = 0
        self._turns: dict[str, threading.Semaphore] = {}
        self._stopped = threading.Semaphore(0)
        self._running: set[str] = set()
        self._kills: set[str] = set()
        self.failures: list[BaseException] = []
        self.deadlines: list[datetime] = []
        """When the requests on their way end: time does not pass beyond a client's total limit."""

    def clock(self) -> datetime:
        return self.now

    def start(self, name: str, work: Callable[[], None]) -> threading.Thread:
        self._turns[name] = threading.Semaphore(0)
        self._running.add(name)

        def run() -> None:
            self._turns[name].acquire()
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - reported by the test's own thread
                self.failures.append(error)
            self._running.discard(name)
            self._stopped.release()

        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread

    def step(self) -> None:
        """A worker gives the turn back, and goes on when it gets it again (or dies there)."""
        name = threading.current_thread().name
        if name not in self._turns:
            return
        self._stopped.release()
        self._turns[name].acquire()
        if name in self._kills:
            self._kills.discard(name)
            raise Killed

    def run(self, most_steps: int = 3000) -> None:
        while self._running:
            self.steps += 1
            assert self.steps < most_steps, "the workers never come to an end"
            if self.steps == 250:
                self.has_faults = False
            name = self.random.choice(sorted(self._running))
            later = self.now + timedelta(seconds=self.random.choice(self.pace))
            self.now = max(self.now, min([later, *self.deadlines]))
            if self.has_faults and self.random.random() < 0.04:
                self._kills.add(name)
            self._turns[name].release()
            self._stopped.acquire()


class SteppedLedger(Ledger):
    """Lets chance interrupt a worker before every transaction."""

    chance: Chance

    def read(self) -> AbstractContextManager[sa.Connection]:
        self.chance.step()
        return super().read()

    def write(self) -> AbstractContextManager[sa.Connection]:
        self.chance.step()
        return super().write()


class SlowErp(FakeErp):
    """A create takes effect at once, within its request's limit or its settle time (90 s in all), or never."""

    def __init__(self, chance: Chance) -> None:
        super().__init__()
        self.chance = chance
        self.effects: list[tuple[datetime, ErpDocument]] = []

    def find(self, draft: Draft) -> list[ErpDocument]:
        self.chance.step()
        if self.chance.has_faults and self.chance.random.random() < 0.15:
            raise LookupFailed("no answer")
        found = [document for at, document in self.effects if at <= self.chance.now]
        self.chance.step()
        return found

    def create(self, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
        self.chance.step()
        before_send("<document/>")
        what = self.chance.random.choice(
            ["yes", "rejected", "not_executed", "lost", "strange", *["late"] * 5] if self.chance.has_faults else ["yes"]
        )
        if what == "rejected":
            raise Rejected("no")
        if what == "not_executed":
            raise NotExecuted("no session")
        document = ErpDocument(str(412 + len(self.effects)), draft.control_total_cents)
        if what in ("yes", "late", "strange"):
            delay = 0 if what == "yes" else self.chance.random.choice([0, 59, 89, 89])
            self.effects.append((self.chance.now + timedelta(seconds=delay), document))
        deadline = self.chance.now + timedelta(seconds=60)
        self.chance.deadlines.append(deadline)
        try:
            for _ in range(self.chance.random.randrange(4)):
                self.chance.step()
        finally:
            self.chance.deadlines.remove(deadline)
        if what == "yes":
            return document
        raise ValueError("what is this?") if what == "strange" else UnknownOutcome("reset")


def work_until_done(poster: Poster, chance: Chance) -> None:
    until = chance.now
    while True:
        try:
            while chance.now < until:
                chance.step()
            if poster.post(KEY).state == "posted":
                return
        except Retryable as error:
            # Airflow waits as told, unless a person clears the task at once.
            is_patient = chance.random.random() < 0.7
            until = chance.now + timedelta(seconds=(error.delay_s or 0) if is_patient else 0)
        except Refused:
            return
        except Killed:
            until = chance.now


def start_over(company: Company) -> None:
    with company.ledger.write() as connection:
        for table in (tables.attempt, tables.finding, tables.event):
            connection.execute(table.delete())
        connection.execute(
            tables.journal.update().values(
                state="ready", frozen=False, attempt_id=None, document_number=None, incomplete=False, posted_at=None
            )
        )


@pytest.fixture
def stepped(ready: Company) -> Iterator[tuple[Company, SteppedLedger]]:
    with SteppedLedger(ready.ledger.url) as ledger:
        yield ready, ledger


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.integers(0, 2**32))
def test_no_interleaving_of_workers_faults_and_kills_makes_two_documents(
    stepped: tuple[Company, SteppedLedger], seed: int
) -> None:
    company, ledger = stepped
    start_over(company)
    chance = Chance(Random(seed))
    ledger.chance = chance
    erp = SlowErp(chance)
    for number in range(2):
        poster = Poster(
            ledger,
            company.scope,
            lambda: erp,
            request_timeout_s=60,
            settle_s=30,
            actor=Actor(task_id=f"load-{number}"),
            clock=chance.clock,
            monotonic=lambda: 0.0,
        )
        chance.start(f"worker-{number}", lambda poster=poster: work_until_done(poster, chance))  # type: ignore[misc]
    chance.run()
    assert chance.failures == []
    journal = company.journal(KEY)
    if journal.state == "posted":
        assert [document.number for _, document in erp.effects] == [journal.document_number]
        assert journal.frozen
    else:
        assert journal.state == "rejected"
        assert erp.effects == []
        assert not journal.frozen
    moves = company.moves(KEY)
    assert all(before[1] == after[0] for before, after in pairwise(moves))
