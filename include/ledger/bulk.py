"""Many rows in and many keys looked up, at the database's own speed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

Item = TypeVar("Item")
_ROWS = 10_000
_KEYS = 10_000
_REMEMBERED = 20_000


def insert(connection: sa.Connection, table: sa.Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert ``rows``, whose values stand in the order of the columns ``names``, as an iterator gives them.

    SQLite's driver takes tuples as they are, so they bypass everything that SQLAlchemy does per row; psycopg2 is fast with
    SQLAlchemy's multi-row statements only.
    """
    filled = batches(rows, _ROWS)
    if connection.dialect.name != "sqlite":
        for batch in filled:
            connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in batch])
        return
    defaults = {column.name: column.default.arg for column in table.c if isinstance(column.default, sa.ColumnDefault)}
    constants = {name: value for name, value in defaults.items() if name not in names}
    given = [*names, *constants]
    compiled = table.insert().compile(dialect=connection.dialect, column_keys=given)
    # The statement has the table's order of columns.
    wanted = compiled.positiontup or []
    encoders = [
        (place, encode, _Remembered(encode))
        for place, name in enumerate(wanted)
        if (encode := _encoder(connection, table.c[name])) is not None
    ]
    if wanted != given:
        in_order, added = itemgetter(*map(given.index, wanted)), tuple(constants.values())
        filled = ([in_order((*row, *added)) for row in batch] for batch in filled)
    for batch in filled:
        connection.exec_driver_sql(str(compiled), [_encoded(row, encoders) for row in batch])


def insert_mappings(connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert ``rows``, which all have the same columns."""
    rows = iter(rows)
    first = next(rows, None)
    if first is not None:
        names = tuple(first)
        insert(connection, table, names, ([row[name] for name in names] for row in chain([first], rows)))


def among(connection: sa.Connection, column: sa.Column[Any], values: Iterable[str]) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions that together select the rows whose ``column`` is one of ``values``; one set per query, however many."""
    for batch in batches(dict.fromkeys(values), _KEYS):
        if connection.dialect.name == "sqlite":
            listed = sa.func.json_each(json.dumps(batch)).table_valued("value")
            yield column.in_(sa.select(listed.c.value))
        else:
            yield column == sa.any_(sa.literal(batch, postgresql.ARRAY(sa.Text)))


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of up to ``size`` items, in their order."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


Encode = Callable[[Any], Any]


def _encoder(connection: sa.Connection, column: sa.Column[Any]) -> Encode | None:
    """What the column's type makes of a value for the driver; ``None`` where the driver takes it as it is."""
    if isinstance(column.type, sa.Boolean):
        return None
    return column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)


class _Remembered(dict[Any, Any]):
    """Values that repeat are encoded once."""

    def __init__(self, encode: Encode) -> None:
        super().__init__()
        self._encode = encode

    def __missing__(self, value: Any) -> Any:
        if len(self) >= _REMEMBERED:
            self.clear()
        encoded = self[value] = self._encode(value)
        return encoded


def _encoded(row: Sequence[Any], encoders: Sequence[tuple[int, Encode, _Remembered]]) -> Sequence[Any]:
    values = list(row)
    for place, encode, remembered in encoders:
        try:
            values[place] = remembered[values[place]]
        except TypeError:  # a list or dictionary, which nothing can look up
            values[place] = encode(values[place])
    return tuple(values)
