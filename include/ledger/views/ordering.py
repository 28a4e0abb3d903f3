"""Reading one page of a query in an order of columns, from where a cursor says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from include.ledger.tables import UtcDateTime
from include.ledger.views.paging import COUNTED_UP_TO, Ask, Count, Page, Place, WrongCursor, page_of, place_of


@dataclass(frozen=True)
class Order:
    """``columns`` together are unique. Only the first may be empty: such rows come last, in either direction."""

    columns: tuple[sa.Column[Any], ...]
    descending: bool = False
    off_index: bool = False

    def unindexed(self) -> Order:
        """The same order, sorted instead of walked: the database must not read a whole index for the sake of the order."""
        return replace(self, off_index=True)

    def place(self, cursor: str | None) -> Place | None:
        """:raises WrongCursor: it is not a place in this order."""
        place = place_of(cursor, len(self.columns) + 1)
        if place is None:
            return None
        name, *values = place.values
        if name != self._name:
            raise WrongCursor("the page's address belongs to another order: begin at the first page")
        try:
            return Place(tuple(map(_value, self.columns, values)), place.before)
        except (TypeError, ValueError) as error:
            raise WrongCursor("the page's address is damaged: begin at the first page") from error

    @property
    def _name(self) -> str:
        return f"{'-' if self.descending else ''}{self.columns[0].name}"

    def key(self, row: sa.RowMapping) -> tuple[object, ...]:
        """The values of a row that its cursors are made of."""
        return (self._name, *(_text(row[column.name]) for column in self.columns))

    def segments(self, place: Place | None) -> list[tuple[bool, Place | None]]:
        """The parts to read one after the other: (with a first value, the place in it)."""
        parts = [True, False] if self.columns[0].nullable else [True]
        if place is None:
            return [(part, None) for part in parts]
        at = place.values[0] is not None
        rest = parts[: parts.index(at) + 1][::-1] if place.before else parts[parts.index(at) :]
        return [(part, place if part == at else None) for part in rest]

    def cut(self, query: sa.Select[Any], filled: bool, place: Place | None, backwards: bool) -> sa.Select[Any]:
        """``query`` in order, from ``place`` on, within one segment."""
        columns: list[sa.ColumnElement[Any]] = list(self.columns)
        if self.off_index:
            columns = [unindexed(column) for column in columns]
        values = list(place.values) if place is not None else []
        if self.columns[0].nullable:
            query = query.where(columns[0].is_not(None) if filled else columns[0].is_(None))
            if not filled:
                columns, values = columns[1:], values[1:]
        down = self.descending != backwards
        if place is not None:
            bounds = sa.tuple_(*(sa.literal(value, column.type) for value, column in zip(values, columns, strict=True)))
            row = sa.tuple_(*columns)
            query = query.where(row < bounds if down else row > bounds)
        return query.order_by(*(column.desc() if down else column.asc() for column in columns))


def unindexed(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The column, out of reach for an index: neither database keeps statistics of how much a value leaves."""
    return sa.func.coalesce(column, column, type_=column.type)


def _text(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _value(column: sa.Column[Any], value: Any) -> object:
    if value is None:
        if not column.nullable:
            raise ValueError("empty")
        return None
    if isinstance(column.type, UtcDateTime):
        return datetime.fromisoformat(value)
    if isinstance(column.type, sa.Date):
        return date.fromisoformat(value)
    if isinstance(column.type, sa.Integer):
        return int(value)
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def read_page(
    connection: sa.Connection, query: sa.Select[Any], order: Order, ask: Ask, total: Callable[[], Count]
) -> Page[sa.RowMapping]:
    """The page of ``query`` that is asked for."""
    place = order.place(ask.cursor)
    backwards = place is not None and place.before
    rows: list[sa.RowMapping] = []
    for filled, start in order.segments(place):
        wanted = ask.limit + 1 - len(rows)
        if wanted > 0:
            rows += connection.execute(order.cut(query, filled, start, backwards).limit(wanted)).mappings()
    return page_of(rows, [order.key(row) for row in rows], place, ask.limit, total())


def count_some(connection: sa.Connection, query: sa.Select[Any]) -> Count:
    """How many rows ``query`` has, counted no further than is cheap."""
    some = query.with_only_columns(sa.literal(1)).limit(COUNTED_UP_TO + 1).subquery()
    number = int(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())
    return Count(min(number, COUNTED_UP_TO), number <= COUNTED_UP_TO)
