"""Writing a plan: one short transaction that claims everything in it, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from include.accounting.reports import ReportFacts
from include.clock import Clock
from include.ledger import bulk, derivation, findings, journals, runs, stored, tables
from include.ledger.database import Ledger
from include.ledger.derivation import Outcome
from include.ledger.journals import Actor, Journal, Scope, draft_to_json
from include.ledger.plan import Plan, Snapshot
from include.ledger.runs import RunKey


class Overtaken(Exception):
    """Another run claimed first, or a journal changed, since the plan was made: nothing was written."""


def write_plan(
    ledger: Ledger,
    scope: Scope,
    snapshot: Snapshot,
    plan: Plan,
    outcomes: Mapping[str, Outcome],
    actor: Actor,
    run: RunKey | None,
    clock: Clock,
) -> None:
    """Write ``plan``, made from ``snapshot``, with what its journals derive to.

    :raises Overtaken: the plan must be made again.
    """
    with ledger.write() as connection:
        now = clock()
        take_version(connection, scope.target, snapshot.version)
        _write_reports(connection, scope, snapshot, plan.updated.values(), now)
        _release(connection, scope, plan)
        _insert_journals(connection, scope, [outcomes[key] for key in plan.fresh], now, actor)
        _write_members(connection, scope, snapshot, plan, now)
        expenses = _expense_rows(connection, scope, snapshot, plan, outcomes)
        bulk.insert(connection, tables.expense, stored.EXPENSE_COLUMNS, expenses, encoded=("spent_on", "tags"))
        for key in plan.changed:
            outcome = outcomes[key]
            journal = snapshot.journals[key]
            if not derivation.write_outcome(connection, journal, outcome, now, actor):
                raise Overtaken
            _update_identity(connection, journal, outcome)
        for found in plan.found:
            findings.record(connection, scope, found, now)
        if run is not None:
            runs.append(connection, scope, run, plan.fresh)


def take_version(connection: sa.Connection, target: str, version: int) -> None:
    """Make this write the one after ``version``.

    :raises Overtaken: another one was.
    """
    columns = tables.claim_version.c
    if version == 0:
        insert = sa.text("INSERT INTO claim_version (target, version) VALUES (:target, 0) ON CONFLICT DO NOTHING")
        connection.execute(insert, {"target": target})
    taken = connection.execute(
        tables.claim_version.update()
        .where(columns.target == target, columns.version == version)
        .values(version=version + 1)
    )
    if taken.rowcount != 1:
        raise Overtaken


def _write_reports(
    connection: sa.Connection, scope: Scope, snapshot: Snapshot, reports: Collection[ReportFacts], now: Any
) -> None:
    columns = tables.report.c
    fresh = [report for report in reports if report.report_id not in snapshot.reports]
    bulk.insert_mappings(connection, tables.report, (stored.report_row(scope, report) for report in fresh))
    for report in reports:
        known = snapshot.reports.get(report.report_id)
        if known is None:
            continue
        row = stored.report_row(scope, report)
        this = sa.and_(
            columns.target == scope.target,
            columns.tenant.in_(scope.names),
            columns.report_id == report.report_id,
        )
        before = (snapshot.fingerprints.get(report.report_id), known.status, known.approved_at, known.approved_day)
        if before != (row["fingerprint"], report.status, report.approved_at, report.approved_day):
            _keep_version(connection, scope, this, now)
        row.pop("tenant")
        connection.execute(tables.report.update().where(this).values(**row))


def _keep_version(connection: sa.Connection, scope: Scope, this: sa.ColumnElement[bool], now: Any) -> None:
    """What the report was before, with its expenses as claimed."""
    old = dict(connection.execute(sa.select(tables.report).where(this)).mappings().one())
    old.pop("exported_at")
    claimed = stored.expenses(connection, scope, [old["report_id"]]).get(old["report_id"], {})
    old["expenses"] = [
        {
            "transaction_id": fact.transaction_id,
            "amount_cents": fact.amount_cents,
            "category": fact.category,
            "tags": [list(tag) for tag in fact.tags],
            "journal_key": key,
        }
        for key, facts in claimed.items()
        for fact in facts
    ]
    connection.execute(tables.report_version.insert().values(**old, replaced_at=now))


def _release(connection: sa.Connection, scope: Scope, plan: Plan) -> None:
    """Drop the claims of every report whose rows are made anew; the caller inserts what replaces them."""
    expense = tables.expense.c
    for named in bulk.among(connection, expense.journal_key, plan.changed):
        connection.execute(
            tables.expense.delete().where(expense.target == scope.target, expense.tenant.in_(scope.names), named)
        )


def _expense_rows(
    connection: sa.Connection, scope: Scope, snapshot: Snapshot, plan: Plan, outcomes: Mapping[str, Outcome]
) -> Iterator[tuple[Any, ...]]:
    claimed = [
        (report_id, content.key, facts)
        for content in [*plan.fresh.values(), *plan.changed.values()]
        for report_id, facts in content.expenses.items()
        if facts
    ]
    # Nearly the order of the key: the database then adds to its end instead of touching it all over.
    claimed.sort(key=lambda one: one[2][0].transaction_id)
    encode = [bulk.encoder(connection, column) for column in (tables.expense.c.spent_on, tables.expense.c.tags)]
    for report_id, key, facts in claimed:
        known = snapshot.journals.get(key)
        # A journal from before a renaming keeps the old name on all its rows.
        tenant = known.tenant if known is not None else scope.tenant
        numbers = outcomes[key].lines_of[report_id]
        yield from stored.expense_rows(scope.target, tenant, report_id, key, facts, numbers, *encode)


def _write_members(connection: sa.Connection, scope: Scope, snapshot: Snapshot, plan: Plan, now: Any) -> None:
    columns = tables.journal_report.c

    def set_left(key: str, report_id: str, left_at: Any) -> int:
        return connection.execute(
            tables.journal_report.update()
            .where(
                columns.target == scope.target,
                columns.tenant.in_(scope.names),
                columns.journal_key == key,
                columns.report_id == report_id,
            )
            .values(left_at=left_at)
        ).rowcount

    for key, report_id in plan.left:
        set_left(key, report_id, now)
    rows = []
    for key, report_id in dict.fromkeys(plan.joined):
        known = key in snapshot.members.get(report_id, ()) or key in snapshot.left.get(report_id, ())
        if known:
            set_left(key, report_id, None)
        else:
            rows.append({"tenant": scope.tenant, "target": scope.target, "journal_key": key, "report_id": report_id})
    bulk.insert_mappings(connection, tables.journal_report, rows)


def _insert_journals(
    connection: sa.Connection, scope: Scope, outcomes: Iterable[Outcome], now: Any, actor: Actor
) -> None:
    rows, events, lines = [], [], []
    empty = []
    for outcome in outcomes:
        key = outcome.content.key
        rows.append(_journal_row(scope, outcome, now))
        reports = len(outcome.content.reports)
        message = f"claimed {reports} report{'s' if reports != 1 else ''}"
        events.append(journals.event_row(scope.tenant, scope.target, key, None, "drafted", now, actor, message))
        lines += derivation.line_rows(scope.tenant, scope.target, outcome)
        if outcome.is_empty:
            empty.append(key)
    for table, listed in ((tables.journal, rows), (tables.event, events), (tables.journal_line, lines)):
        bulk.insert_mappings(connection, table, listed)
    for key in empty:
        derivation.close_as_empty(connection, scope.tenant, scope.target, key, now, actor)


def _journal_row(scope: Scope, outcome: Outcome, now: Any) -> dict[str, Any]:
    content = outcome.content
    return {
        "tenant": scope.tenant,
        "target": scope.target,
        "journal_key": content.key,
        "kind": outcome.derived.kind,
        "part": content.part,
        "per": content.per,
        "state": "drafted",
        "reference": content.reference,
        "approval_date": content.day,
        "first_posting_date": outcome.posting_date,
        "posting_date": outcome.posting_date,
        "currency": content.currency,
        "total_debit_cents": outcome.derived.total_debit_cents,
        "reasons": [reason.as_json() for reason in outcome.reasons],
        "description": outcome.draft.description if outcome.draft else None,
        "content_hash": outcome.derived.content_hash(),
        "payload": draft_to_json(outcome.draft) if outcome.draft else None,
        "created_at": now,
        "derived_at": now,
    }


def _update_identity(connection: sa.Connection, journal: Journal, outcome: Outcome) -> None:
    """A report's own journal follows its approval day and currency as long as it is not frozen."""
    connection.execute(
        tables.journal.update()
        .where(journals.this(journal))
        .values(
            approval_date=outcome.content.day,
            currency=outcome.content.currency,
            first_posting_date=outcome.posting_date,
        )
    )
