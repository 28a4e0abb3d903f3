"""Many rows in and many keys looked up, at the database's own speed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from operator import itemgetter
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

Item = TypeVar("Item")
_ROWS = 10_000
_KEYS = 10_000


def insert(connection: sa.Connection, table: sa.Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert ``rows``, whose values stand in the order of the columns ``names``, as an iterator gives them.

    SQLite's driver takes tuples as they are, so they bypass everything that SQLAlchemy does per row; psycopg2 is fast with
    SQLAlchemy's multi-row statements only.
    """
    batches = _batches(rows, _ROWS)
    if connection.dialect.name != "sqlite":
        for batch in batches:
            connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in batch])
        return
    defaults = {column.name: column.default.arg for column in table.c if isinstance(column.default, sa.ColumnDefault)}
    added = [name for name in defaults if name not in names]
    constants = tuple(defaults[name] for name in added)
    given = [*names, *added]
    compiled = table.insert().compile(dialect=connection.dialect, column_keys=given)
    # The statement has the table's order of columns.
    in_order = itemgetter(*(given.index(name) for name in compiled.positiontup or ()))
    encoders = [
        (place, encoder)
        for place, name in enumerate(compiled.positiontup or ())
        if (encoder := _encoder(connection, table.c[name]))
    ]
    for batch in batches:
        connection.exec_driver_sql(str(compiled), [_encoded(in_order((*row, *constants)), encoders) for row in batch])


def insert_mappings(connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert ``rows``, which all have the same columns."""
    rows = iter(rows)
    first = next(rows, None)
    if first is not None:
        names = tuple(first)
        insert(connection, table, names, ([row[name] for name in names] for row in chain([first], rows)))


def among(connection: sa.Connection, column: sa.Column[Any], values: Iterable[str]) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions that together select the rows whose ``column`` is one of ``values``; one set per query, however many."""
    for batch in _batches(dict.fromkeys(values), _KEYS):
        if connection.dialect.name == "sqlite":
            listed = sa.func.json_each(json.dumps(batch)).table_valued("value")
            yield column.in_(sa.select(listed.c.value))
        else:
            yield column == sa.any_(sa.literal(batch, postgresql.ARRAY(sa.Text)))


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _encoder(connection: sa.Connection, column: sa.Column[Any]) -> Callable[[Any], Any] | None:
    """What the column's type makes of a value for the driver; values that repeat are encoded once."""
    if isinstance(column.type, sa.Boolean):
        return None
    encode = column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    if encode is None:
        return None
    remembered = lru_cache(maxsize=50_000)(encode)

    def encoded(value: Any) -> Any:
        try:
            return remembered(value)
        except TypeError:
            return encode(value)

    return encoded


def _encoded(row: Sequence[Any], encoders: Sequence[tuple[int, Callable[[Any], Any]]]) -> Sequence[Any]:
    values = list(row)
    for place, encode in encoders:
        values[place] = encode(values[place])
    return tuple(values)
