"""Pages of a list: cut in the database, stable while rows come and go.

A cursor names the row that a page begins behind (or ends before), not a number of rows to skip: what is added or removed
meanwhile neither repeats nor hides a row, and the thousandth page costs what the first does.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")

COUNTED_UP_TO = 1_000
MOST_ROWS = 500


class WrongCursor(ValueError):
    """The cursor is not one that this list gave out: ask for the first page again."""


@dataclass(frozen=True)
class Ask:
    """Which page: ``cursor`` is a page's ``next`` or ``previous``, ``None`` the first page; ``size`` 1 to 500 rows."""

    size: int = 50
    cursor: str | None = None

    @property
    def limit(self) -> int:
        """``size`` within its bounds."""
        return max(1, min(self.size, MOST_ROWS))


FIRST_PAGE = Ask()


@dataclass(frozen=True)
class Count:
    """How many rows a list has. ``exact`` false: at least so many, counting stopped there."""

    number: int
    exact: bool = True

    def text(self) -> str:
        """``1,204`` or ``more than 1,000``."""
        return f"{self.number:,}" if self.exact else f"more than {self.number:,}"


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list. ``next`` and ``previous`` are cursors, ``None`` where the list ends."""

    rows: tuple[Row, ...]
    next: str | None
    previous: str | None
    total: Count


@dataclass(frozen=True)
class Place:
    """Where a page begins: behind (or, ``before``, in front of) the row with these sort values."""

    values: tuple[object, ...]
    before: bool = False

    def cursor(self) -> str:
        """As text for a link."""
        text = json.dumps([int(self.before), *self.values], separators=(",", ":"), ensure_ascii=False)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(cursor: str | None, width: int) -> Place | None:
    """The place that a cursor names; ``None`` for the first page.

    :raises WrongCursor: it is damaged, or another list's.
    """
    if not cursor:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        before, *values = json.loads(raw)
    except (binascii.Error, UnicodeError, ValueError, TypeError) as error:
        raise WrongCursor("the page's address is damaged: begin at the first page") from error
    good = before in (0, 1) and len(values) == width and all(isinstance(value, str | int | None) for value in values)
    if not good:
        raise WrongCursor("the page's address belongs to another list: begin at the first page")
    return Place(tuple(values), bool(before))


def page_of(
    rows: Sequence[Row], keys: Sequence[tuple[object, ...]], place: Place | None, limit: int, total: Count
) -> Page[Row]:
    """The page made of up to ``limit`` + 1 rows read in its direction; the surplus row tells that there is more.

    :param keys: the sort values of each row, for cursors.
    """
    more = len(rows) > limit
    kept, places = list(rows[:limit]), list(keys[:limit])
    backwards = place is not None and place.before
    if backwards:
        kept.reverse()
        places.reverse()
    if not kept:
        return Page((), None, None, total)
    has_next = more if not backwards else True
    has_previous = more if backwards else place is not None
    return Page(
        tuple(kept),
        Place(places[-1]).cursor() if has_next else None,
        Place(places[0], before=True).cursor() if has_previous else None,
        total,
    )
