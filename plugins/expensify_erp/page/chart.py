"""The amounts by month as a bar chart: numbers for an inline SVG, no drawing library, no inline style."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from include.accounting.money import written
from include.ledger.views.overview import BLOCKED_STATES, WAITING_STATES, MonthAmount

WIDTH, HEIGHT = 560, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 8, 10, 26
_BAR_AT_MOST = 40
KINDS = ("posted", "waiting", "held")
"""From the bottom of a bar to its top."""


@dataclass(frozen=True)
class Part:
    """One piece of a bar, in the drawing's own units."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True)
class Mark:
    """A line of the scale with its number, or a month's name under its bar."""

    at: float
    text: str


@dataclass(frozen=True)
class MonthRow:
    """A month in the table that says the same in words; cents by kind."""

    month: str
    cents: dict[str, int]
    journals: dict[str, int]


@dataclass(frozen=True)
class Chart:
    """One currency's chart."""

    currency: str
    parts: tuple[Part, ...]
    scale: tuple[Mark, ...]
    months: tuple[Mark, ...]
    rows: tuple[MonthRow, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT


def charts(amounts: Iterable[MonthAmount], last_month: str, months: int = 12) -> list[Chart]:
    """A chart per currency, the one with the most money first. Closed journals hold no money that goes anywhere.

    :param last_month: the month of today, ``2026-11``; the charts reach back from it (or from a later month with amounts).
    """
    by_currency: dict[str, dict[str, MonthRow]] = defaultdict(dict)
    for amount in amounts:
        kind = _kind(amount.state)
        if kind is None:
            continue
        rows = by_currency[amount.currency]
        row = rows.setdefault(amount.month, MonthRow(amount.month, dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)))
        row.cents[kind] += amount.cents
        row.journals[kind] += amount.journals
    ordered = sorted(
        by_currency.items(), key=lambda item: (-sum(sum(row.cents.values()) for row in item[1].values()), item[0])
    )
    return [_chart(currency, rows, max([last_month, *rows]), months) for currency, rows in ordered]


def _kind(state: str) -> str | None:
    if state == "posted":
        return "posted"
    if state in WAITING_STATES:
        return "waiting"
    return "held" if state in BLOCKED_STATES else None


def _chart(currency: str, known: dict[str, MonthRow], last: str, months: int) -> Chart:
    shown = _months_up_to(last, months)
    empty = dict.fromkeys(KINDS, 0)
    rows = [known.get(month, MonthRow(month, empty, empty)) for month in shown]
    top = _round_up(max(sum(row.cents.values()) for row in rows))
    high = HEIGHT - _TOP - _BOTTOM
    step = (WIDTH - _LEFT - _RIGHT) / len(shown)
    width = min(step * 0.62, _BAR_AT_MOST)
    parts = []
    for index, row in enumerate(rows):
        x, y = _LEFT + step * (index + 0.5) - width / 2, float(HEIGHT - _BOTTOM)
        for kind in KINDS:
            cents = row.cents[kind]
            if cents <= 0:
                continue
            height = max(high * cents / top, 1.0)
            y -= height
            text = f"{row.month}, {kind}: {written(cents, currency)}"
            parts.append(Part(kind, round(x, 1), round(y, 1), round(width, 1), round(height, 1), text))
    scale = [Mark(round(HEIGHT - _BOTTOM - high * n / 2, 1), _short(top * n // 2)) for n in (0, 1, 2)]
    names = [Mark(round(_LEFT + step * (index + 0.5), 1), _month_name(month)) for index, month in enumerate(shown)]
    return Chart(
        currency, tuple(parts), tuple(scale), tuple(names), tuple(row for row in rows if any(row.journals.values()))
    )


def _months_up_to(last: str, count: int) -> list[str]:
    number = int(last[:4]) * 12 + int(last[5:7]) - 1
    return [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(number - count + 1, number + 1)]


def _round_up(cents: int) -> int:
    """The next 1, 2 or 5 with zeros, so that the scale has readable numbers."""
    unit = 100
    while True:
        for factor in (1, 2, 5):
            if cents <= unit * factor:
                return unit * factor
        unit *= 10


def _short(cents: int) -> str:
    units = cents // 100
    for size, letter in ((1_000_000_000, "bn"), (1_000_000, "m"), (1_000, "k")):
        if units >= size:
            whole, rest = divmod(units * 10 // size, 10)
            return f"{whole}.{rest}{letter}" if rest else f"{whole}{letter}"
    return str(units)


def _month_name(month: str) -> str:
    names = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    number = int(month[5:7])
    return names[number - 1] if number != 1 else f"Jan {month[2:4]}"
