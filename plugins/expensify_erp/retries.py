"""Retries by exception class. The waits that protect money are in the ledger; this only saves useless tries."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import RetryDecision, RetryPolicy

from include.errors import Refused, Retryable

if TYPE_CHECKING:
    from airflow.sdk import Context

FIRST_WAIT_S = 15.0
LONGEST_WAIT_S = 900.0


class RetryByError(RetryPolicy):
    """Transient errors wait as long as they say, else with exponential back-off and full jitter; refusals never retry."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide for one failure; see :class:`airflow.sdk.RetryPolicy`."""
        if isinstance(exception, Refused):
            return RetryDecision.fail(type(exception).__name__)
        if isinstance(exception, Retryable) and exception.delay_s is not None:
            # A little jitter also here: boxes that wait for one another must not all return at once.
            wait = exception.delay_s + random.uniform(0, 2)
        else:
            failures = _failures_since_clear(try_number, max_tries, context)
            wait = random.uniform(1, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(failures, 10)))
        return RetryDecision.retry(timedelta(seconds=wait), type(exception).__name__)


def _failures_since_clear(try_number: int, max_tries: int, context: Context | None) -> int:
    """Failures before this one since the task was last cleared.

    Airflow counts tries on across clears, and a clear raises ``max_tries`` to the tries so far plus the task's retries.
    """
    retries = context["task"].retries if context is not None else max_tries
    tries_before_clear = max(0, max_tries - (retries or 0))
    return max(0, try_number - 1 - tries_before_clear)
