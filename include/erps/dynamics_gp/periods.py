"""Fiscal periods from the tenant's own calendar file; over SOAP there is no other source."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from include.erps import fiscal_calendar
from include.erps.dynamics_gp.api import Period


class CalendarFile:
    """The CSV ``first_day,last_day,year,period,open``.

    :raises include.errors.Misconfigured: it is missing or a row is wrong; the message names the row.
    """

    def __init__(self, path: str) -> None:
        self._calendar = fiscal_calendar.read_table(path)

    def period_of(self, day: date) -> Period | None:
        """The period of a day; ``None`` where the file has none."""
        found = self._calendar.period_of(day)
        return _period(found) if found is not None else None

    def periods_after(self, day: date) -> Iterator[Period]:
        """The periods that begin after a day, earliest first."""
        return (_period(one) for one in self._calendar.after(day))


def _period(row: fiscal_calendar.Period) -> Period:
    return Period(row.year, row.number, row.first_day, row.last_day, row.open)
