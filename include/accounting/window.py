"""Which reports a run takes: its window in UTC, cut from whole days where a journal stands for a day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from include.settings.tenant import Tenant

Mode = Literal["schedule", "backfill", "manual", "range", "reports", "journals"]


@dataclass(frozen=True)
class Window:
    """Half-open in UTC: ``start <= approved < end``. ``lookback_start`` reaches back for reports seen late."""

    start: datetime
    end: datetime
    lookback_start: datetime

    def first_day(self, zone: ZoneInfo) -> date:
        """The local day on which the window, look-back included, begins."""
        return self.lookback_start.astimezone(zone).date()

    def last_day(self, zone: ZoneInfo) -> date:
        """The local day that holds the window's last moment."""
        return (self.end - timedelta(microseconds=1)).astimezone(zone).date()

    def holds(self, day: date, at: datetime | None, zone: ZoneInfo) -> bool:
        """Whether an approval falls into the window. One without a time of day counts in every window that touches its day."""
        return _overlaps(self.start, self.end, day, at, zone)

    def looks_back_to(self, day: date, at: datetime | None, zone: ZoneInfo) -> bool:
        """Whether an approval falls into the look-back before the window."""
        return _overlaps(self.lookback_start, self.start, day, at, zone)


def _overlaps(start: datetime, end: datetime, day: date, at: datetime | None, zone: ZoneInfo) -> bool:
    if at is not None:
        return start <= at < end
    return midnight(day, zone) < end and midnight(day + timedelta(days=1), zone) > start


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a local day, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def window_of(
    tenant: Tenant,
    *,
    first_day: date | None = None,
    last_day: date | None = None,
    interval: tuple[datetime, datetime] | None = None,
    covered_until: datetime | None = None,
    now: datetime,
    look_back: bool = False,
) -> Window:
    """The first that applies: named local days (inclusive), the data interval, else from ``covered_until`` to now.

    :param covered_until: end of the last covered window; ``None`` begins at ``start_date``.
    :param look_back: scheduled runs reach back ``lookback_days`` for reports that the ledger does not know.
    :raises ValueError: the days are in the wrong order.
    """
    zone = tenant.zone
    if first_day is not None or last_day is not None:
        if first_day is not None and last_day is not None and last_day < first_day:
            raise ValueError(f"`to` ({last_day}) lies before `from` ({first_day})")
        start = midnight(first_day or tenant.start_date, zone)
        end = midnight(last_day + timedelta(days=1), zone) if last_day is not None else now
    elif interval is not None:
        start, end = interval
    else:
        start = covered_until or midnight(tenant.start_date, zone)
        end = max(start, now)
    window = Window(start.astimezone(UTC), end.astimezone(UTC), start.astimezone(UTC))
    if tenant.per == "day":
        window = replace(window, start=_back_to_midnight(window.start, zone), end=_back_to_midnight(window.end, zone))
    back = timedelta(days=tenant.expensify.lookback_days) if look_back else timedelta()
    local_back = datetime.combine(window.start.astimezone(zone).date() - back, time(), zone).astimezone(UTC)
    return replace(window, lookback_start=min(window.start, local_back) if look_back else window.start)


def _back_to_midnight(moment: datetime, zone: ZoneInfo) -> datetime:
    return midnight(moment.astimezone(zone).date(), zone)
