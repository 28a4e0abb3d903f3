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
            # try_number grows across clears; only the tries of this round may lengthen the wait.
            round_ = max(0, try_number - 1) % (max_tries + 1 or 1)
            wait = random.uniform(1, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**round_))
        return RetryDecision.retry(timedelta(seconds=wait), type(exception).__name__)
