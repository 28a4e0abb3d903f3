from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from include.accounting.window import Window, midnight, window_of
from tests.include.accounting.conftest import tenant_with

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
REPORT = {"posting__per": "report"}


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]


def test_named_days_are_local_and_inclusive() -> None:
    window = window_of(tenant_with(), first_day=date(2026, 11, 3), last_day=date(2026, 11, 4), now=NOW)
    assert (window.start, window.end) == (utc(2026, 11, 3, 6), utc(2026, 11, 5, 6))


def test_named_days_win_over_the_interval() -> None:
    window = window_of(
        tenant_with(), first_day=date(2026, 11, 3), last_day=date(2026, 11, 3), interval=(NOW, NOW), now=NOW
    )
    assert (window.start, window.end) == (utc(2026, 11, 3, 6), utc(2026, 11, 4, 6))


def test_one_named_day_leaves_the_other_end_open() -> None:
    tenant = tenant_with(**REPORT)
    since = window_of(tenant, first_day=date(2026, 11, 3), now=NOW)
    assert (since.start, since.end) == (utc(2026, 11, 3, 6), NOW)
    up_to = window_of(tenant, last_day=date(2026, 11, 3), now=NOW)
    assert (up_to.start, up_to.end) == (utc(2026, 11, 1, 5), utc(2026, 11, 4, 6))


def test_days_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`to` \(2026-11-03\) lies before `from` \(2026-11-04\)"):
        window_of(tenant_with(), first_day=date(2026, 11, 4), last_day=date(2026, 11, 3), now=NOW)


@pytest.mark.parametrize(
    ("first", "last", "hours"),
    [
        (date(2026, 11, 1), date(2026, 11, 1), 25),
        (date(2026, 3, 8), date(2026, 3, 8), 23),
        (date(2026, 11, 2), date(2026, 11, 2), 24),
    ],
)
def test_a_day_of_the_clock_change_is_whole(first: date, last: date, hours: int) -> None:
    window = window_of(tenant_with(), first_day=first, last_day=last, now=NOW)
    assert (window.end - window.start).total_seconds() == hours * 3600


def test_a_day_without_midnight_begins_at_its_first_moment() -> None:
    beirut = tenant_with(timezone="Asia/Beirut").zone
    # On 29 March 2026 the clocks there jump from 0:00 to 1:00, from UTC+2 to UTC+3.
    assert midnight(date(2026, 3, 29), beirut) == utc(2026, 3, 28, 22)
    assert midnight(date(2026, 3, 30), beirut) == utc(2026, 3, 29, 21)


def test_per_report_the_interval_is_taken_as_it_is_and_per_day_whole_days_only() -> None:
    interval = (utc(2026, 11, 18, 12), utc(2026, 11, 19, 12))
    exact = window_of(tenant_with(**REPORT), interval=interval, now=NOW)
    assert (exact.start, exact.end) == interval
    days = window_of(tenant_with(), interval=interval, now=NOW)
    assert (days.start, days.end) == (utc(2026, 11, 18, 6), utc(2026, 11, 19, 6))


def test_consecutive_intervals_leave_no_gap_and_no_overlap() -> None:
    edges = [
        utc(2026, 10, 31, 11),
        utc(2026, 11, 1, 12),
        utc(2026, 11, 2, 12),
        utc(2026, 11, 2, 13),
        utc(2026, 11, 3, 12),
    ]
    windows = [window_of(tenant_with(), interval=pair, now=NOW) for pair in pairwise(edges)]
    assert [window.end for window in windows[:-1]] == [window.start for window in windows[1:]]
    # An interval inside one day holds no whole day.
    assert windows[2].start == windows[2].end


def test_a_manual_run_goes_on_where_the_last_one_ended() -> None:
    tenant = tenant_with(**REPORT)
    assert window_of(tenant, now=NOW).start == utc(2026, 11, 1, 5)
    later = window_of(tenant, covered_until=utc(2026, 11, 19), now=NOW)
    assert (later.start, later.end, later.lookback_start) == (utc(2026, 11, 19), NOW, utc(2026, 11, 19))


def test_before_the_start_date_there_is_nothing_to_take() -> None:
    for per in ("day", "report"):
        window = window_of(tenant_with(posting__per=per), now=utc(2026, 10, 20, 12))
        assert window.start == window.end == utc(2026, 11, 1, 5)


def test_the_look_back_reaches_whole_local_days_back_across_the_clock_change() -> None:
    interval = (utc(2026, 11, 5, 12), utc(2026, 11, 6, 12))
    tenant = tenant_with(**REPORT, expensify__lookback_days=7)
    window = window_of(tenant, interval=interval, now=NOW, look_back=True)
    assert window.lookback_start == utc(2026, 10, 29, 5)
    assert window_of(tenant, interval=interval, now=NOW).lookback_start == interval[0]
    assert window.first_day(tenant.zone) == date(2026, 10, 29)
    assert window.last_day(tenant.zone) == date(2026, 11, 6)


def test_which_approvals_a_window_holds() -> None:
    zone = tenant_with().zone
    window = Window(utc(2026, 11, 18, 12), utc(2026, 11, 19, 12), utc(2026, 11, 11, 6))
    day = date(2026, 11, 18)
    assert window.holds(day, utc(2026, 11, 18, 12), zone)
    assert not window.holds(day, utc(2026, 11, 18, 11, 59, 59), zone)
    assert not window.holds(date(2026, 11, 19), utc(2026, 11, 19, 12), zone)
    # Without a time of day it counts in every window that touches the day.
    assert [window.holds(date(2026, 11, at), None, zone) for at in (17, 18, 19, 20)] == [False, True, True, False]
    assert window.looks_back_to(date(2026, 11, 12), utc(2026, 11, 12, 9), zone)
    assert not window.looks_back_to(day, utc(2026, 11, 18, 12), zone)
