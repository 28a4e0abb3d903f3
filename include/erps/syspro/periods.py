"""Which ledger year and period a date belongs to: the calendar month, or the customer's own table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Protocol

from include.erps import fiscal_calendar
from include.erps.fiscal_calendar import Period


class Calendar(Protocol):
    """Dates to periods, and how far two periods are apart."""

    def period_of(self, day: date) -> Period | None:
        """The period of a day; ``None`` when the calendar does not reach it."""

    def after(self, day: date) -> Iterator[Period]:
        """The periods that begin after ``day``, earliest first; endless or to the calendar's end."""

    def steps_back(self, current: tuple[int, int], wanted: Period) -> int | None:
        """How many periods ``wanted`` lies before the ``current`` (year, period); negative: after it; ``None``: unknown."""


class Months:
    """The ledger year is the calendar year, a period is a month."""

    def period_of(self, day: date) -> Period | None:
        first = day.replace(day=1)
        following = (first + timedelta(days=31)).replace(day=1)
        return Period(day.year, day.month, first, following - timedelta(days=1))

    def after(self, day: date) -> Iterator[Period]:
        while True:
            period = self.period_of(day)
            assert period is not None
            day = period.last_day + timedelta(days=1)
            following = self.period_of(day)
            assert following is not None
            yield following

    def steps_back(self, current: tuple[int, int], wanted: Period) -> int | None:
        year, number = current
        # A 13th period shows that this ledger's periods are not months.
        if not 1 <= number <= 12:
            return None
        return (year * 12 + number) - (wanted.year * 12 + wanted.number)


class Table(fiscal_calendar.Table):
    """The customer's own periods."""

    def steps_back(self, current: tuple[int, int], wanted: Period) -> int | None:
        keys = [(period.year, period.number) for period in self.periods]
        return keys.index(current) - self.periods.index(wanted) if current in keys else None


def read_calendar(path: str | None) -> Calendar:
    """The calendar of a tenant: months, or its file of periods.

    :raises Misconfigured: the file is missing or a row is wrong; the message names the row.
    """
    return Months() if path is None else Table(fiscal_calendar.read_table(path).periods)
