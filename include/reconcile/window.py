"""Which approval days a reconciliation covers: whole local days, and only those that a run should have dealt with."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime, timedelta

from include.settings.tenant import Tenant

DAYS = 45
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


def days_of(
    tenant: Tenant, now: datetime, *, month: str | None = None, covered_until: datetime | None = None
) -> tuple[date, date] | None:
    """First and last approval day, both inclusive; ``None`` when no day is due yet.

    :param month: ``YYYY-MM``; without one the last :data:`DAYS` days that are due.
    :param covered_until: up to when runs have claimed what was approved.
    :raises ValueError: ``month`` is no month, or one that has not begun.
    """
    last = last_due_day(tenant, now, covered_until)
    if month is None:
        first = last - timedelta(days=DAYS - 1)
    else:
        found = _MONTH.fullmatch(month.strip())
        if found is None:
            raise ValueError(f"{month!r} is not a month such as 2026-10")
        year, number = int(found[1]), int(found[2])
        first = date(year, number, 1)
        if first > now.astimezone(tenant.zone).date():
            raise ValueError(f"{month} has not begun yet")
        last = min(last, date(year, number, calendar.monthrange(year, number)[1]))
    first = max(first, tenant.start_date)
    return (first, last) if first <= last else None


def last_due_day(tenant: Tenant, now: datetime, covered_until: datetime | None) -> date:
    """The last day whose approvals a run should have posted.

    By schedule that is the day before the last tick but one: the run of the last tick may just have begun. Where the ledger
    tells that it has been claimed up to a later moment, the days before that are due as well.
    """
    from croniter import croniter

    ticks = croniter(tenant.schedule, now.astimezone(tenant.zone))
    ticks.get_prev(datetime)
    before: datetime = ticks.get_prev(datetime)
    covered = covered_until.astimezone(tenant.zone).date() if covered_until is not None else before.date()
    return max(before.date(), covered) - timedelta(days=1)
