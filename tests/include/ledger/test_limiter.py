from __future__ import annotations

import multiprocessing
import time
from typing import Any

import pytest
import sqlalchemy as sa

from include.errors import Retryable
from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.limiter import Budget, Limit
from tests.include.ledger.company import FakeClock


class Timed:
    """A budget on a clock of its own; notes when each request was let through, in seconds from the start."""

    def __init__(self, ledger: Ledger, clock: FakeClock, *limits: Limit, name: str = "b", **settings: Any) -> None:
        self.clock = clock
        self.began = clock.now
        settings = {"slack_s": 0.0, **settings}
        self.budget = Budget(ledger, name, limits, clock=clock, sleep=clock.advance, **settings)

    def take(self, count: int) -> list[float]:
        times = []
        for _ in range(count):
            self.budget.take()
            times.append((self.clock.now - self.began).total_seconds())
        return times


def test_no_more_than_the_limit_passes_in_any_window(ledger: Ledger) -> None:
    assert Timed(ledger, FakeClock(), Limit(2, 10)).take(5) == pytest.approx([0, 0, 10, 10, 20])


def test_both_limits_hold_at_once(ledger: Ledger) -> None:
    timed = Timed(ledger, FakeClock(), Limit(2, 10), Limit(3, 60))
    assert timed.take(7) == pytest.approx([0, 0, 10, 60, 60, 70, 120])


def test_slack_is_added_to_each_window(ledger: Ledger) -> None:
    assert Timed(ledger, FakeClock(), Limit(1, 10), slack_s=1).take(3) == pytest.approx([0, 11, 22])


def test_budgets_with_other_names_are_apart(ledger: Ledger) -> None:
    clock = FakeClock()
    Timed(ledger, clock, Limit(1, 100), name="a").take(1)
    assert Timed(ledger, clock, Limit(1, 100), name="b").take(1) == [0]


def test_a_pause_stops_everybody_and_a_shorter_one_does_not_cut_it(ledger: Ledger) -> None:
    clock = FakeClock()
    one, other = Timed(ledger, clock, Limit(5, 10)), Timed(ledger, clock, Limit(5, 10))
    one.budget.pause(60)
    one.budget.pause(5)
    assert other.take(1) == pytest.approx([60])


def test_who_would_wait_too_long_gives_the_worker_back(ledger: Ledger) -> None:
    timed = Timed(ledger, FakeClock(), Limit(1, 100), patience_s=30)
    timed.take(1)
    with pytest.raises(Retryable, match="used up") as caught:
        timed.take(1)
    assert caught.value.delay_s == pytest.approx(100)
    with ledger.read() as connection:
        assert len(connection.execute(sa.select(tables.limiter.c.taken_at)).scalar_one()) == 1


def test_old_requests_are_forgotten(ledger: Ledger) -> None:
    timed = Timed(ledger, FakeClock(), Limit(2, 10))
    timed.take(9)
    with ledger.read() as connection:
        assert len(connection.execute(sa.select(tables.limiter.c.taken_at)).scalar_one()) <= 4


def test_a_clock_that_was_set_back_does_not_stop_everything(ledger: Ledger) -> None:
    clock = FakeClock()
    Timed(ledger, clock, Limit(1, 10)).take(1)
    clock.advance(-86400)
    assert Timed(ledger, clock, Limit(1, 10)).take(1) == [0]


def take_for_real(url: str, start: Any, passed: Any) -> None:
    with Ledger(url) as ledger:
        budget = Budget(ledger, "b", [Limit(2, 0.6)], slack_s=0.0)
        start.wait()
        for _ in range(2):
            budget.take()
            passed.put(time.monotonic())


def test_processes_share_one_budget(ledger: Ledger) -> None:
    fork = multiprocessing.get_context("fork")
    start, passed = fork.Barrier(3), fork.Queue()
    url = ledger.url.render_as_string(hide_password=False)
    processes = [fork.Process(target=take_for_real, args=(url, start, passed)) for _ in range(3)]
    for process in processes:
        process.start()
    times = sorted(passed.get(timeout=60) for _ in range(6))
    for process in processes:
        process.join(60)
    with ledger.read() as connection:
        counted = connection.execute(sa.select(tables.limiter.c.taken_at)).scalar_one()
    assert sorted(counted) == counted
    assert times[-1] - times[0] > 0.8, "six requests, two in any 0.6 s: the last is let through after 1.2 s"
