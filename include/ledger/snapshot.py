"""What the ledger knows about the reports of one reading, in one consistent view.

Everything is looked up for those reports alone, so a claim costs the same however long a company's history is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

import sqlalchemy as sa

from include.ledger import derivation, journals, stored, tables
from include.ledger.bulk import among
from include.ledger.journals import Scope
from include.ledger.plan import Reading, Snapshot

_NUMBERS_AT_ONCE = 8


def take_snapshot(connection: sa.Connection, scope: Scope, reading: Reading) -> Snapshot:
    """Everything the plan needs to know, read in one view."""
    report_ids = [*reading.read, *reading.absent]
    members: dict[str, list[str]] = {}
    left: dict[str, list[str]] = {}
    for key, report_id, has_left in stored.memberships(connection, scope, report_ids=report_ids):
        (left if has_left else members).setdefault(report_id, []).append(key)
    keys = [key for found in (members, left) for listed in found.values() for key in listed]
    known = journals.fetch(connection, scope, keys)
    stems = {*report_ids, *(key.removesuffix("-C") for key in known)}
    contents = {
        content.key: content
        for content in derivation.stored_contents(
            connection, scope, [journal for journal in known.values() if not journal.frozen]
        )
    }
    transaction_ids = [fact.transaction_id for report in reading.read.values() for fact in report.expenses]
    days = {report.approved_day for report in reading.read.values() if report.approved_day}
    return Snapshot(
        version=claim_version(connection, scope.target),
        reports=stored.reports(connection, scope, report_ids),
        fingerprints=stored.fingerprints(connection, scope, report_ids),
        members=members,
        left=left,
        journals=known,
        contents=contents,
        claimed=stored.expenses(connection, scope, members),
        claims=stored.claims(connection, scope.target, transaction_ids),
        last_number=_last_numbers(connection, scope, days),
        keys=_taken_keys(connection, scope, stems | {f"{stem}-C" for stem in stems}),
    )


def claim_version(connection: sa.Connection, target: str) -> int:
    """How often reports of this company have been claimed."""
    query = sa.select(tables.claim_version.c.version).where(tables.claim_version.c.target == target)
    return connection.execute(query).scalar() or 0


def taken_references(connection: sa.Connection, target: str, wanted: Iterable[str]) -> set[str]:
    """Which of these references belong to a journal of this company, whoever's."""
    columns = tables.journal.c
    found: set[str] = set()
    for named in among(connection, columns.reference, wanted):
        found |= set(connection.execute(sa.select(columns.reference).where(columns.target == target, named)).scalars())
    return found


def _last_numbers(connection: sa.Connection, scope: Scope, days: Iterable[date]) -> dict[date, int]:
    columns = tables.journal.c
    found: dict[date, int] = {}
    for day in days:
        begins = _begins(connection, columns.journal_key, f"{day:%Y%m%d}-")
        query = sa.select(columns.journal_key).where(journals.in_scope(scope), begins)
        for key in connection.execute(query).scalars():
            number = key.split("-")[1]
            if number.isdigit():
                found[day] = max(found.get(day, 0), int(number))
    return found


def _begins(connection: sa.Connection, column: sa.Column[str], prefix: str) -> sa.ColumnElement[bool]:
    if connection.dialect.name == "sqlite":
        # Its LIKE ignores case and therefore the index; its text has the order of bytes.
        return sa.and_(column >= prefix, column < prefix[:-1] + chr(ord(prefix[-1]) + 1))
    return column.startswith(prefix)


def _taken_keys(connection: sa.Connection, scope: Scope, stems: Collection[str]) -> frozenset[str]:
    """Of each stem's keys (itself, then ``-2``, ``-3``, ...) at least those before the first free one."""
    taken = _existing(connection, scope, stems)
    longer = set(taken)
    first = 2
    while longer:
        numbers = range(first, first + _NUMBERS_AT_ONCE)
        found = _existing(connection, scope, [f"{stem}-{number}" for stem in longer for number in numbers])
        taken |= found
        longer = {stem for stem in longer if all(f"{stem}-{number}" in found for number in numbers)}
        first += _NUMBERS_AT_ONCE
    return frozenset(taken)


def _existing(connection: sa.Connection, scope: Scope, keys: Iterable[str]) -> set[str]:
    column = tables.journal.c.journal_key
    found: set[str] = set()
    for named in among(connection, column, keys):
        found |= set(connection.execute(sa.select(column).where(journals.in_scope(scope), named)).scalars())
    return found
