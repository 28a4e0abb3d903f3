"""Many rows in and many keys looked up, at the database's own speed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from include.ledger.database import as_json

Item = TypeVar("Item")
_ROWS = 10_000
_KEYS = 10_000
_REMEMBERED = 20_000


def insert(
    connection: sa.Connection,
    table: sa.Table,
    names: Sequence[str],
    rows: Iterable[tuple[Any, ...]],
    encoded: Collection[str] = (),
) -> None:
    """Insert ``rows``, whose values stand in the order of the columns ``names``, as an iterator gives them.

    SQLite's driver takes tuples as they are, so they bypass everything that SQLAlchemy does per row; psycopg2 is fast with
    SQLAlchemy's multi-row statements only.

    :param encoded: columns whose values :func:`encoder` has encoded already.
    """
    filled = batches(rows, _ROWS)
    if connection.dialect.name != "sqlite":
        for batch in filled:
            connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in batch])
        return
    defaults = {column.name: column.default.arg for column in table.c if isinstance(column.default, sa.ColumnDefault)}
    constants = {name: value for name, value in defaults.items() if name not in names}
    compiled = table.insert().compile(dialect=connection.dialect, column_keys=[*names, *constants])
    # The statement has the table's order of columns.
    wanted = compiled.positiontup or []
    encoders = {
        name: found
        for name in wanted
        if name not in encoded and (found := _encoder(connection, table.c[name])) is not None
    }
    if list(names) == wanted and not encoders:
        for batch in filled:
            connection.exec_driver_sql(str(compiled), batch)
        return
    for batch in filled:
        columns: dict[str, Iterable[Any]] = dict(zip(names, zip(*batch, strict=True), strict=True))
        columns |= {name: [value] * len(batch) for name, value in constants.items()}
        columns |= {name: found.all(columns[name]) for name, found in encoders.items()}
        connection.exec_driver_sql(str(compiled), list(zip(*(columns[name] for name in wanted), strict=True)))


def insert_mappings(connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert ``rows``, which all have the same two columns or more."""
    rows = iter(rows)
    first = next(rows, None)
    if first is not None:
        names = tuple(first)
        insert(connection, table, names, map(itemgetter(*names), chain([first], rows)))


def among(connection: sa.Connection, column: sa.Column[Any], values: Iterable[str]) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions that together select the rows whose ``column`` is one of ``values``; one set per query, however many."""
    for batch in batches(dict.fromkeys(values), _KEYS):
        if connection.dialect.name == "sqlite":
            listed = sa.func.json_each(as_json(batch)).table_valued("value")
            yield column.in_(sa.select(listed.c.value))
        else:
            yield column == sa.any_(sa.literal(batch, postgresql.ARRAY(sa.Text)))


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of up to ``size`` items, in their order."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def encoder(connection: sa.Connection, column: sa.Column[Any]) -> Callable[[Any], Any]:
    """Encodes one value of the column for :func:`insert`, for rows so many that they should be made only once."""
    found = _encoder(connection, column) if connection.dialect.name == "sqlite" else None
    return found.__getitem__ if found is not None else lambda value: value


def _encoder(connection: sa.Connection, column: sa.Column[Any]) -> _Encoder | None:
    """What the column's type makes of values for the driver; ``None`` where the driver takes them as they are."""
    if isinstance(column.type, sa.Boolean):
        return None
    encode = column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    return _Encoder(encode) if encode is not None else None


class _Encoder(dict[Any, Any]):
    """A column's values as the driver takes them; those that repeat are encoded once."""

    def __init__(self, encode: Callable[[Any], Any]) -> None:
        super().__init__()
        self._encode = encode

    def __missing__(self, value: Any) -> Any:
        if len(self) >= _REMEMBERED:
            self.clear()
        encoded = self[value] = self._encode(value)
        return encoded

    def all(self, values: Iterable[Any]) -> list[Any]:
        """All of ``values`` encoded."""
        try:
            return [self[value] for value in values]
        except TypeError:  # lists or dictionaries, which nothing can look up
            return [self._encode(value) for value in values]
