"""Which failures are tried again, and after how long."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction
from expensify_erp.retries import RetryByError

from include.errors import (
    Conflict,
    Held,
    LeaseRunning,
    LookupFailed,
    Misconfigured,
    Refused,
    Rejected,
    Retryable,
    UnknownOutcome,
)
from include.ledger.database import LedgerBusy
from include.settings.catalogue import TenantFileError
from include.transport import NoAnswer, NotSent


def decide(error: BaseException, try_number: int = 1, max_tries: int = 8, retries: int = 8) -> tuple[str, float]:
    """The action and the wait in seconds."""
    context: Any = {"task": SimpleNamespace(retries=retries)}
    decision = RetryByError().evaluate(error, try_number, max_tries, context)
    return decision.action.value, decision.retry_delay.total_seconds() if decision.retry_delay else 0.0


def waits(try_number: int, max_tries: int, retries: int, times: int = 300) -> tuple[float, float]:
    """Shortest and longest of many waits."""
    seen = [decide(Retryable("lost"), try_number, max_tries, retries)[1] for _ in range(times)]
    return min(seen), max(seen)


@pytest.mark.parametrize("kind", [Refused, Held, Rejected, Conflict, Misconfigured, TenantFileError])
def test_what_needs_a_person_is_never_tried_again(kind: type[Refused]) -> None:
    decision = RetryByError().evaluate(kind("no"), 1, 8)
    assert (decision.action, decision.reason) == (RetryAction.FAIL, kind.__name__)


@pytest.mark.parametrize("kind", [Retryable, LookupFailed, UnknownOutcome, LedgerBusy, NoAnswer, NotSent])
def test_what_may_pass_is_tried_again(kind: type[Retryable]) -> None:
    action, wait = decide(kind("later"))
    assert (action, 1 <= wait <= 15) == ("retry", True)


def test_an_error_nobody_foresaw_is_tried_again() -> None:
    assert decide(KeyError("x"))[0] == "retry"
    assert decide(ConnectionResetError())[0] == "retry"


@pytest.mark.parametrize(
    "error",
    [
        Retryable("limit", delay_s=61.0),
        UnknownOutcome("sent", delay_s=61.0),
        LeaseRunning("another", delay_s=61.0, until=datetime(2026, 11, 2, tzinfo=UTC)),
    ],
    ids=["rate limit", "unknown outcome", "lease"],
)
def test_a_wait_that_the_error_names_is_kept_and_only_a_little_jittered(error: Retryable) -> None:
    for try_number in (1, 8):
        seen = [decide(error, try_number)[1] for _ in range(100)]
        assert min(seen) >= 61.0, "never before the lease has ended"
        assert max(seen) <= 63.0
        assert len(set(seen)) > 50, "boxes that wait for one another return one by one"


def test_a_wait_of_no_time_is_not_taken_for_no_wait_named() -> None:
    assert decide(Retryable("now", delay_s=0.0), 8)[1] <= 2.0


@pytest.mark.parametrize(
    ("try_number", "longest"), [(1, 15), (2, 30), (3, 60), (4, 120), (6, 480), (7, 900), (8, 900), (60, 900)]
)
def test_without_a_named_wait_it_doubles_up_to_a_quarter_of_an_hour(try_number: int, longest: float) -> None:
    shortest, found = waits(try_number, max_tries=60, retries=60)
    assert shortest >= 1
    assert found <= longest
    # Full jitter: the waits spread over the whole span, so boxes do not return together.
    assert found > 0.8 * longest
    assert shortest < 0.2 * longest


def test_a_clear_starts_the_doubling_anew() -> None:
    """Airflow counts on: a task with 3 retries cleared after its try 4 has max_tries 4 + 3, and its next try is 5."""
    assert waits(5, max_tries=7, retries=3)[1] <= 15
    assert waits(6, max_tries=7, retries=3)[1] <= 30
    assert 30 < waits(6 + 1, max_tries=7, retries=3)[1] <= 60
    # Ten clears later.
    assert waits(41, max_tries=43, retries=3)[1] <= 15


def test_a_policy_that_is_asked_without_a_context_still_answers() -> None:
    decision = RetryByError().evaluate(Retryable("x"), 3, 3)
    assert decision.retry_delay is not None
    assert 1 <= decision.retry_delay.total_seconds() <= 60


def test_the_reason_shown_in_clear_text_names_the_kind_only() -> None:
    assert RetryByError().evaluate(Retryable("secret words"), 1, 8).reason == "Retryable"
