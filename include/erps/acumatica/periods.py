"""Which financial period a day belongs to, and whether it takes postings; from Acumatica's own calendar."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from include.erps.acumatica import values
from include.erps.acumatica.settings import AcumaticaSettings
from include.erps.acumatica.values import Record, Unreadable
from include.erps.port import Kind

_ID = re.compile(r"(\d{2})-?(\d{4})", re.ASCII)


@dataclass(frozen=True)
class Period:
    """``id`` is ``MMYYYY``, as Acumatica's PostPeriod: number, then financial year. ``status`` is Acumatica's word."""

    id: str
    first_day: date
    last_day: date
    status: str
    closed_in_payables: bool

    def __str__(self) -> str:
        return f"{self.id[:2]}-{self.id[2:]}"


@dataclass(frozen=True)
class Calendar:
    """The periods of some financial years, by first day; without adjustment periods, which have no days of their own."""

    periods: tuple[Period, ...]
    settings: AcumaticaSettings

    def period_of(self, day: date) -> Period | None:
        """The period of a day; ``None`` when the calendar does not reach it."""
        begun = [period for period in self.periods if period.first_day <= day]
        # The latest that has begun: whether a period's last day is stored in- or exclusively does not matter then.
        return begun[-1] if begun and day <= begun[-1].last_day else None

    def is_open(self, period: Period, kind: Kind) -> bool:
        """Whether a document of this kind may be posted to it."""
        words = [word.lower() for word in self.settings.statuses.open_period]
        return period.status.lower() in words and not (kind == "bill" and period.closed_in_payables)

    def next_open(self, day: date, kind: Kind) -> date | None:
        """The first day of the first open period that begins after ``day``."""
        return next(
            (period.first_day for period in self.periods if period.first_day > day and self.is_open(period, kind)), None
        )


def financial_years(days: Iterable[date]) -> list[str]:
    """The financial years that may hold these days: a financial year need not be the calendar year."""
    years = {day.year + step for day in days for step in (-1, 0, 1)}
    return [f"{year:04d}" for year in sorted(years)]


def calendar_of(years: Iterable[Record], settings: AcumaticaSettings) -> Calendar:
    """The calendar from FinancialPeriod records.

    :raises Unreadable: a period without id or days.
    """
    periods = [_period(row) for year in years for row in values.lines_of(year)]
    kept = sorted((period for period in periods if period is not None), key=lambda period: period.first_day)
    return Calendar(tuple(kept), settings)


def _period(row: Record) -> Period | None:
    identity = _ID.fullmatch(values.text_of(row, "FinancialPeriodID"))
    first, last = values.day_of(row, "StartDate"), values.day_of(row, "EndDate")
    if identity is None or first is None or last is None:
        raise Unreadable("a financial period without id or days")
    if last - first < timedelta(days=1):
        return None
    return Period(
        "".join(identity.groups()),
        first,
        last,
        values.text_of(row, "Status"),
        values.truth_of(row, "ClosedInAP") is True,
    )
