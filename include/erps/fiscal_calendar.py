"""A customer's own fiscal periods: the CSV ``first_day,last_day,year,period,open``."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from include.errors import Misconfigured

HEADER = ["first_day", "last_day", "year", "period", "open"]
_YES, _NO = frozenset({"yes", "y", "true", "1"}), frozenset({"no", "n", "false", "0"})
_LAST_PERIOD = 15


@dataclass(frozen=True)
class Period:
    """A fiscal period; ``open`` is what the file says, the ERP may still disagree."""

    year: int
    number: int
    first_day: date
    last_day: date
    open: bool = True

    def __str__(self) -> str:
        return f"{self.year}/{self.number:02d}"


@dataclass(frozen=True)
class Table:
    """Periods by first day, without overlaps."""

    periods: tuple[Period, ...]

    def period_of(self, day: date) -> Period | None:
        """The period of a day; ``None`` when the table does not reach it."""
        return next((period for period in self.periods if period.first_day <= day <= period.last_day), None)

    def after(self, day: date) -> Iterator[Period]:
        """The periods that begin after ``day``, earliest first."""
        return (period for period in self.periods if period.first_day > day)


def read_table(path: str) -> Table:
    """The periods of a file.

    :raises Misconfigured: the file is missing or a row is wrong; the message names the row.
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"erp.fiscal_calendar {path} cannot be read: {type(error).__name__}") from None
    if not rows or [cell.strip() for cell in rows[0]] != HEADER:
        raise Misconfigured(f"erp.fiscal_calendar {path}: the first row must be {','.join(HEADER)}")
    numbered = [(number, row) for number, row in enumerate(rows[1:], start=2) if any(cell.strip() for cell in row)]
    periods = sorted((_period(path, number, row) for number, row in numbered), key=lambda period: period.first_day)
    for earlier, later in pairwise(periods):
        if later.first_day <= earlier.last_day:
            raise Misconfigured(f"erp.fiscal_calendar {path}: the periods {earlier} and {later} overlap")
    if not periods:
        raise Misconfigured(f"erp.fiscal_calendar {path} has no periods")
    if len({(period.year, period.number) for period in periods}) < len(periods):
        raise Misconfigured(f"erp.fiscal_calendar {path} names a period twice")
    return Table(tuple(periods))


def _period(path: str, number: int, row: list[str]) -> Period:
    try:
        first, last, year, period, is_open = (cell.strip() for cell in row)
        result = Period(
            int(year), int(period), date.fromisoformat(first), date.fromisoformat(last), is_open.lower() in _YES
        )
        if (
            is_open.lower() not in _YES | _NO
            or not 1 <= result.number <= _LAST_PERIOD
            or result.last_day < result.first_day
        ):
            raise ValueError
    except ValueError:
        raise Misconfigured(
            f"erp.fiscal_calendar {path}, row {number}: expected first_day and last_day as YYYY-MM-DD, year, "
            f"period 1 to {_LAST_PERIOD}, open yes or no"
        ) from None
    return result
