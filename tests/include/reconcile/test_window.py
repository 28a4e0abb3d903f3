from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.reconcile.window import days_of, last_due_day
from include.settings.tenant import Tenant, tenant_from

TENANT = """
timezone: America/Chicago
start_date: 2025-01-01
expensify: {connection: a}
erp: {type: syspro, connection: s, pool: p}
posting: {currency: USD, credit: {reimbursable: "1", company_card: "2"}}
mapping: {dimensions: {cost_center: {tag: 1, required: true}}}
"""
# Friday, 20 November 2026, 06:00 in Chicago: the tick of a daily schedule.
TICK = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def tenant(schedule: str = "0 6 * * *", **changes: Any) -> Tenant:
    return tenant_from({"schedule": schedule, **yaml.safe_load(TENANT), **changes}, "acme", Path())


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time of November 2026 in UTC; Chicago is six hours behind."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "covered", "due"),
    [
        # The run of the tick at 06:00 has just begun; that of the day before has had its day.
        (at(20, 12, 1), None, 18),
        (at(20, 12, 1), at(19, 12), 18),
        # That run has claimed what was approved before 06:00 of the 20th: the 19th is due.
        (at(20, 12, 20), at(20, 12), 19),
        (at(20, 11, 59), at(19, 12), 18),
        # A run by hand has claimed up to this afternoon; today is not over.
        (at(20, 22), at(20, 21), 19),
        # Nothing has run for a week: that must show.
        (at(20, 22), at(13, 12), 18),
    ],
)
def test_a_day_is_due_when_a_run_should_have_dealt_with_it(now: datetime, covered: datetime | None, due: int) -> None:
    assert last_due_day(tenant(), now, covered) == date(2026, 11, due)


def test_with_a_weekly_schedule_a_week_is_due_after_the_next_tick() -> None:
    # Mondays at 06:00: the 16th and the 9th are the last two.
    weekly = tenant("0 6 * * 1")
    assert last_due_day(weekly, TICK, None) == date(2026, 11, 8)
    assert last_due_day(weekly, TICK, at(16, 12)) == date(2026, 11, 15)


def test_what_a_run_by_hand_has_claimed_is_due_whatever_the_schedule() -> None:
    assert last_due_day(tenant("0 6 1 1 *"), at(20, 22), at(20, 21)) == date(2026, 11, 19)


def test_forty_five_days_end_on_the_last_one_that_is_due() -> None:
    assert days_of(tenant(), at(20, 12, 1)) == (date(2026, 10, 5), date(2026, 11, 18))


def test_a_month_is_whole_or_ends_with_what_is_due() -> None:
    assert days_of(tenant(), at(20, 12, 1), month="2026-02") == (date(2026, 2, 1), date(2026, 2, 28))
    assert days_of(tenant(), at(20, 12, 1), month="2026-11") == (date(2026, 11, 1), date(2026, 11, 18))


def test_the_start_date_binds() -> None:
    fresh = tenant(start_date=date(2026, 11, 10))
    assert days_of(fresh, at(20, 12, 1)) == (date(2026, 11, 10), date(2026, 11, 18))
    assert days_of(fresh, at(20, 12, 1), month="2026-10") is None
    assert days_of(tenant(start_date=date(2026, 11, 19)), at(20, 12, 1)) is None


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "26-10", "October", "2026-12"])
def test_what_is_no_month_or_has_not_begun_is_refused(month: str) -> None:
    with pytest.raises(ValueError, match=r"is not a month|has not begun"):
        days_of(tenant(), at(20, 12, 1), month=month)
