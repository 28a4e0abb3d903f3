"""Claiming: a run's reports become journals and claimed expenses in one transaction.

The plan is made from a snapshot, and the bulk rows are staged, before the transaction begins; it then only compares the
company's claim version, and starts over when another run was faster. So nobody waits for anybody's pandas.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from include.accounting.reports import ReportFacts
from include.clock import Clock, utc_now
from include.errors import Retryable
from include.ledger import derivation, findings, journals, runs, stored, tables
from include.ledger.database import Ledger
from include.ledger.derivation import Outcome, derive_contents
from include.ledger.journals import Actor, Journal, Scope, draft_to_json
from include.ledger.placing import make_plan
from include.ledger.plan import Plan, Reading, Snapshot
from include.ledger.runs import RunKey
from include.settings.tenant import Tenant

_MOST_RACES = 20


class _Overtaken(Exception):
    pass


@dataclass(frozen=True)
class Claimed:
    """What a claim did: keys of new journals, of changed ones, and of all that belong to the reports asked for."""

    fresh: tuple[str, ...]
    changed: tuple[str, ...]
    in_window: tuple[str, ...]
    plan: Plan
    outcomes: Mapping[str, Outcome]


def claim(
    ledger: Ledger,
    scope: Scope,
    tenant: Tenant,
    reading: Reading,
    run_day: date,
    actor: Actor,
    run: RunKey | None,
    clock: Clock = utc_now,
) -> Claimed:
    """Write what was read: new claims, corrections of journals that are not frozen, findings about those that are.

    New journals join ``run``.

    :raises Retryable: other runs of the same company kept claiming first.
    """
    for _ in range(_MOST_RACES):
        snapshot, plan, outcomes = prepare(ledger, scope, tenant, reading, run_day)
        try:
            _write(ledger, scope, snapshot, plan, outcomes, actor, run, clock)
        except _Overtaken:
            continue
        return Claimed(tuple(plan.fresh), tuple(plan.changed), tuple(plan.in_window), plan, outcomes)
    raise Retryable(f"other runs kept claiming reports of {scope.target} first: nothing was written", delay_s=10)


def prepare(
    ledger: Ledger, scope: Scope, tenant: Tenant, reading: Reading, run_day: date
) -> tuple[Snapshot, Plan, dict[str, Outcome]]:
    """Plan and derive without writing anything (a dry run ends here)."""
    with ledger.read() as connection:
        snapshot = take_snapshot(connection, scope, reading)
    plan = make_plan(reading, snapshot, tenant, run_day)
    contents = [*plan.fresh.values(), *plan.changed.values()]
    return snapshot, plan, derive_contents(contents, tenant, run_day)


def take_snapshot(connection: sa.Connection, scope: Scope, reading: Reading) -> Snapshot:
    """Everything the plan needs to know, read in one view."""
    report_ids = [*reading.read, *reading.absent]
    members: dict[str, list[str]] = {}
    left: dict[str, list[str]] = {}
    for key, report_id, has_left in stored.memberships(connection, scope, report_ids=report_ids):
        (left if has_left else members).setdefault(report_id, []).append(key)
    keys = [key for found in (members, left) for listed in found.values() for key in listed]
    known = journals.fetch(connection, scope, keys)
    contents = {
        content.key: content
        for content in derivation.stored_contents(
            connection, scope, [journal for journal in known.values() if not journal.frozen]
        )
    }
    transaction_ids = [fact.transaction_id for report in reading.read.values() for fact in report.expenses]
    days = {report.approved_day for report in reading.read.values() if report.approved_day}
    return Snapshot(
        version=_version(connection, scope.target),
        reports=stored.reports(connection, scope, report_ids),
        fingerprints=stored.fingerprints(connection, scope, report_ids),
        members=members,
        left=left,
        journals=known,
        contents=contents,
        claimed=stored.expenses(connection, scope, report_ids),
        claims=stored.claims(connection, scope.target, transaction_ids),
        last_number=_last_numbers(connection, scope, days),
        taken_references=_references(connection, scope.target),
        keys=_keys(connection, scope),
    )


def _version(connection: sa.Connection, target: str) -> int:
    query = sa.select(tables.claim_version.c.version).where(tables.claim_version.c.target == target)
    return connection.execute(query).scalar() or 0


def _last_numbers(connection: sa.Connection, scope: Scope, days: Iterable[date]) -> dict[date, int]:
    columns = tables.journal.c
    found: dict[date, int] = {}
    for day in days:
        query = sa.select(columns.journal_key).where(
            journals.in_scope(scope), columns.journal_key.like(f"{day:%Y%m%d}-%")
        )
        for key in connection.execute(query).scalars():
            number = key.split("-")[1]
            if number.isdigit():
                found[day] = max(found.get(day, 0), int(number))
    return found


def _references(connection: sa.Connection, target: str) -> frozenset[str]:
    columns = tables.journal.c
    query = sa.select(columns.reference).where(columns.target == target, columns.reference.is_not(None))
    return frozenset(connection.execute(query).scalars())


def _keys(connection: sa.Connection, scope: Scope) -> frozenset[str]:
    return frozenset(
        connection.execute(sa.select(tables.journal.c.journal_key).where(journals.in_scope(scope))).scalars()
    )


def _write(
    ledger: Ledger,
    scope: Scope,
    snapshot: Snapshot,
    plan: Plan,
    outcomes: Mapping[str, Outcome],
    actor: Actor,
    run: RunKey | None,
    clock: Clock,
) -> None:
    staged = _expense_rows(scope, snapshot, plan, outcomes)
    with ledger.write() as connection:
        now = clock()
        _take_version(connection, scope.target, snapshot.version)
        _write_reports(connection, scope, snapshot, plan.updated.values(), now)
        _release(connection, scope, plan)
        for key, content in plan.fresh.items():
            _insert_journal(connection, scope, outcomes[key], content.day, now, actor)
        _write_members(connection, scope, snapshot, plan, now)
        for start in range(0, len(staged), 5000):
            connection.execute(tables.expense.insert(), staged[start : start + 5000])
        for key in plan.changed:
            outcome = outcomes[key]
            journal = snapshot.journals[key]
            if not derivation.write_outcome(connection, journal, outcome, now, actor):
                raise _Overtaken
            _update_identity(connection, journal, outcome)
        for found in plan.found:
            findings.record(connection, scope, found, now)
        if run is not None:
            runs.append(connection, scope, run, plan.fresh)


def overtake(connection: sa.Connection, target: str) -> None:
    """Whoever is planning a claim in this company starts over: expenses have moved."""
    columns = tables.claim_version.c
    connection.execute(
        tables.claim_version.update().where(columns.target == target).values(version=columns.version + 1)
    )


def _take_version(connection: sa.Connection, target: str, version: int) -> None:
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
        raise _Overtaken


def _write_reports(
    connection: sa.Connection, scope: Scope, snapshot: Snapshot, reports: Iterable[ReportFacts], now: Any
) -> None:
    columns = tables.report.c
    fresh = []
    for report in reports:
        row = stored.report_row(scope, report)
        known = snapshot.reports.get(report.report_id)
        if known is None:
            fresh.append(row)
            continue
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
    if fresh:
        connection.execute(tables.report.insert(), fresh)


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
    for keys in stored.chunks(plan.changed):
        connection.execute(
            tables.expense.delete().where(
                expense.target == scope.target, expense.tenant.in_(scope.names), expense.journal_key.in_(keys)
            )
        )


def _expense_rows(
    scope: Scope, snapshot: Snapshot, plan: Plan, outcomes: Mapping[str, Outcome]
) -> list[dict[str, Any]]:
    rows = []
    for content in [*plan.fresh.values(), *plan.changed.values()]:
        known = snapshot.journals.get(content.key)
        lines_of = outcomes[content.key].lines_of
        for report_id, facts in content.expenses.items():
            for fact, numbers in zip(facts, lines_of[report_id], strict=True):
                row = stored.expense_row(scope, report_id, content.key, fact)
                # A journal from before a renaming keeps the old name on all its rows.
                row["tenant"] = known.tenant if known is not None else scope.tenant
                row["debit_line"], row["credit_line"] = numbers
                rows.append(row)
    return rows


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
    if rows:
        connection.execute(tables.journal_report.insert(), rows)


def _insert_journal(
    connection: sa.Connection, scope: Scope, outcome: Outcome, day: date | None, now: Any, actor: Actor
) -> None:
    content = outcome.content
    connection.execute(
        tables.journal.insert().values(
            tenant=scope.tenant,
            target=scope.target,
            journal_key=content.key,
            kind=outcome.derived.kind,
            part=content.part,
            per=content.per,
            state="drafted",
            reference=content.reference,
            approval_date=day,
            first_posting_date=outcome.posting_date,
            posting_date=outcome.posting_date,
            currency=content.currency,
            total_debit_cents=outcome.derived.total_debit_cents,
            reasons=[reason.as_json() for reason in outcome.reasons],
            description=outcome.draft.description if outcome.draft else None,
            content_hash=outcome.derived.content_hash(),
            payload=draft_to_json(outcome.draft) if outcome.draft else None,
            created_at=now,
            derived_at=now,
        )
    )
    reports = len(content.reports)
    message = f"claimed {reports} report{'s' if reports != 1 else ''}"
    journals.record(connection, scope.tenant, scope.target, content.key, None, "drafted", now, actor, message)
    rows = derivation.line_rows(scope.tenant, scope.target, outcome)
    if rows:
        connection.execute(tables.journal_line.insert(), rows)
    if outcome.is_empty:
        derivation.close_as_empty(connection, scope.tenant, scope.target, content.key, now, actor)


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


def derive_again(
    ledger: Ledger,
    scope: Scope,
    tenant: Tenant,
    keys: Sequence[str],
    run_day: date,
    actor: Actor,
    clock: Clock = utc_now,
) -> None:
    """Apply today's mapping to journals that are not frozen, from the expenses in the ledger.

    :raises Retryable: other runs of the same company kept claiming first.
    """
    for _ in range(_MOST_RACES):
        try:
            _derive_once(ledger, scope, tenant, keys, run_day, actor, clock)
        except _Overtaken:
            continue
        return
    raise Retryable(f"other runs kept claiming reports of {scope.target} first: nothing was written", delay_s=10)


def _derive_once(
    ledger: Ledger,
    scope: Scope,
    tenant: Tenant,
    keys: Sequence[str],
    run_day: date,
    actor: Actor,
    clock: Clock,
) -> None:
    with ledger.read() as connection:
        version = _version(connection, scope.target)
        found = [
            journal
            for journal in journals.fetch(connection, scope, keys).values()
            if journal.state in journals.DERIVABLE_STATES and not journal.frozen
        ]
        contents = derivation.stored_contents(connection, scope, found)
        taken = set(_references(connection, scope.target))
    if not found:
        return
    for content in contents:
        if content.reference is None:
            content.reference = _free_reference(tenant, content, taken)
            if content.reference is not None:
                taken.add(content.reference)
    outcomes = derive_contents(contents, tenant, run_day)
    with ledger.write() as connection:
        # The expenses were read outside this transaction: a claim in between may have moved them elsewhere.
        _take_version(connection, scope.target, version)
        for journal in found:
            derivation.write_outcome(connection, journal, outcomes[journal.key], clock(), actor)


def _free_reference(tenant: Tenant, content: derivation.Content, taken: Collection[str]) -> str | None:
    try:
        wanted = tenant.erp.reference(content.key, tenant.posting.reference_prefix, content.per)
    except ValueError:
        return None
    return None if wanted in taken else wanted
