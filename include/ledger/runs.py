"""Runs and their journals. A journal's position in a run never changes: Airflow's boxes are numbered by it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from include.accounting.window import Mode, Window
from include.ledger import tables
from include.ledger.bulk import among
from include.ledger.journals import Scope

ONE_BOX_EACH_UP_TO = 200
MOST_BOXES = 1000


@dataclass(frozen=True)
class RunKey:
    """An Airflow run."""

    dag_id: str
    run_id: str


@dataclass(frozen=True)
class Run:
    """A run as the ledger knows it. ``window`` is ``None`` for runs by report or journal."""

    key: RunKey
    mode: Mode
    window: Window | None
    dry_run: bool


def _this(key: RunKey) -> sa.ColumnElement[bool]:
    return sa.and_(tables.run.c.dag_id == key.dag_id, tables.run.c.run_id == key.run_id)


def find(connection: sa.Connection, key: RunKey) -> Run | None:
    """The run, if it has begun before. A cleared run keeps the window it had."""
    row = connection.execute(sa.select(tables.run).where(_this(key))).mappings().one_or_none()
    if row is None:
        return None
    window = None
    if row["window_from"] is not None:
        window = Window(row["window_from"], row["window_to"], row["lookback_from"])
    return Run(key, row["mode"], window, row["dry_run"])


def register(connection: sa.Connection, scope: Scope, run: Run, now: datetime) -> None:
    """Write the run's row when it begins."""
    window = run.window
    connection.execute(
        tables.run.insert().values(
            dag_id=run.key.dag_id,
            run_id=run.key.run_id,
            tenant=scope.tenant,
            target=scope.target,
            mode=run.mode,
            window_from=window.start if window else None,
            window_to=window.end if window else None,
            lookback_from=window.lookback_start if window else None,
            dry_run=run.dry_run,
            created_at=now,
        )
    )


def mark_covered(connection: sa.Connection, key: RunKey, now: datetime) -> None:
    """The run's reports are claimed: the next manual run begins where its window ends."""
    connection.execute(tables.run.update().where(_this(key)).values(covered_at=now))


def covered_until(connection: sa.Connection, scope: Scope) -> datetime | None:
    """End of the last covered window; runs over named days, reports or journals move nothing."""
    query = sa.select(sa.func.max(tables.run.c.window_to)).where(
        tables.run.c.tenant.in_(scope.names),
        tables.run.c.target == scope.target,
        tables.run.c.covered_at.is_not(None),
        tables.run.c.mode.in_(("schedule", "manual")),
        tables.run.c.dry_run.is_(False),
    )
    found: datetime | None = connection.execute(query).scalar()
    return found


def uncovered(connection: sa.Connection, scope: Scope) -> list[tuple[RunKey, Window]]:
    """Runs that have a window and have not claimed its reports yet."""
    columns = tables.run.c
    query = sa.select(tables.run).where(
        columns.tenant.in_(scope.names),
        columns.target == scope.target,
        columns.covered_at.is_(None),
        columns.window_from.is_not(None),
        columns.dry_run.is_(False),
    )
    return [
        (
            RunKey(row["dag_id"], row["run_id"]),
            Window(row["window_from"], row["window_to"], row["lookback_from"]),
        )
        for row in connection.execute(query).mappings()
    ]


def keys(connection: sa.Connection, key: RunKey) -> list[str]:
    """The run's journal keys by position."""
    query = (
        sa.select(tables.run_journal.c.journal_key)
        .where(tables.run_journal.c.dag_id == key.dag_id, tables.run_journal.c.run_id == key.run_id)
        .order_by(tables.run_journal.c.position)
    )
    return list(connection.execute(query).scalars())


def append(connection: sa.Connection, scope: Scope, key: RunKey, journal_keys: Iterable[str]) -> None:
    """Add journals at the end; those that are in the run already keep their place.

    The run's row is locked, so that two writers never take the same position.
    """
    connection.execute(sa.select(tables.run.c.run_id).where(_this(key)).with_for_update())
    present = keys(connection, key)
    known = set(present)
    fresh = [journal_key for journal_key in dict.fromkeys(journal_keys) if journal_key not in known]
    if fresh:
        rows = [
            {
                "dag_id": key.dag_id,
                "run_id": key.run_id,
                "position": len(present) + offset,
                "tenant": scope.tenant,
                "target": scope.target,
                "journal_key": journal_key,
            }
            for offset, journal_key in enumerate(fresh)
        ]
        connection.execute(tables.run_journal.insert(), rows)


def boxes(connection: sa.Connection, key: RunKey) -> list[list[str]]:
    """The run's journals by load task: one each up to 200, above that several share one.

    The box size is fixed at the first call, so that a box stays what it was however many journals join later.
    """
    listed = keys(connection, key)
    stored = sa.select(tables.run.c.box_size).where(_this(key))
    size = connection.execute(stored).scalar()
    if size is None:
        size = max(1, -(-len(listed) // ONE_BOX_EACH_UP_TO))
        if listed:
            first = sa.and_(_this(key), tables.run.c.box_size.is_(None))
            connection.execute(tables.run.update().where(first).values(box_size=size))
            size = connection.execute(stored).scalar() or size
    cut = [listed[start : start + size] for start in range(0, len(listed), size)]
    if len(cut) <= MOST_BOXES:
        return cut
    surplus = [journal_key for box in cut[MOST_BOXES - 1 :] for journal_key in box]
    return [*cut[: MOST_BOXES - 1], surplus]


def box_of(position: int, size: int) -> int:
    """The number of the box (Airflow's map index) that holds a position: the same cut as :func:`boxes`."""
    return min(position // size, MOST_BOXES - 1)


def set_checked(connection: sa.Connection, key: RunKey, journal_keys: Sequence[str], clear_number: int) -> None:
    """These journals were checked in this run after it was cleared ``clear_number`` times."""
    columns = tables.run_journal.c
    for named in among(connection, columns.journal_key, journal_keys):
        connection.execute(
            tables.run_journal.update()
            .where(columns.dag_id == key.dag_id, columns.run_id == key.run_id, named)
            .values(checked_clear=clear_number)
        )


def last_checked(connection: sa.Connection, key: RunKey) -> dict[str, int]:
    """For each journal of the run, how often the run had been cleared when it was last checked; -1 for never."""
    columns = tables.run_journal.c
    query = sa.select(columns.journal_key, columns.checked_clear).where(
        columns.dag_id == key.dag_id, columns.run_id == key.run_id
    )
    return {journal_key: -1 if cleared is None else cleared for journal_key, cleared in connection.execute(query)}


def runs_of(connection: sa.Connection, scope: Scope, journal_keys: Sequence[str]) -> dict[str, list[RunKey]]:
    """The runs that hold each journal."""
    found: dict[str, list[RunKey]] = {journal_key: [] for journal_key in journal_keys}
    columns = tables.run_journal.c
    for named in among(connection, columns.journal_key, found):
        query = sa.select(columns.journal_key, columns.dag_id, columns.run_id).where(
            columns.tenant.in_(scope.names), columns.target == scope.target, named
        )
        for journal_key, dag_id, run_id in connection.execute(query):
            found[journal_key].append(RunKey(dag_id, run_id))
    return found


def begin_refresh(connection: sa.Connection, key: RunKey, now: datetime, lasts_s: float) -> datetime | None:
    """Take the run's turn to read its open journals again; until when it is ours, or ``None`` while another has it."""
    until = now + timedelta(seconds=lasts_s)
    free = sa.or_(tables.run.c.refreshing_until.is_(None), tables.run.c.refreshing_until <= now)
    taken = connection.execute(tables.run.update().where(_this(key), free).values(refreshing_until=until))
    return until if taken.rowcount == 1 else None


def end_refresh(connection: sa.Connection, key: RunKey, until: datetime) -> None:
    """Give the turn back, unless it ran out and is another's by now."""
    ours = tables.run.c.refreshing_until == until
    connection.execute(tables.run.update().where(_this(key), ours).values(refreshing_until=None))
