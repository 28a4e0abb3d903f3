"""Claiming: a run's reports become journals and claimed expenses in one transaction.

The plan is made from a snapshot and derived before the transaction begins; that only compares the company's claim version,
writes rows, and starts over when another run was faster. So nobody waits for anybody's computing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from include.clock import Clock, utc_now
from include.errors import Retryable
from include.ledger import derivation, journals, tables
from include.ledger.database import Ledger
from include.ledger.derivation import Outcome, derive_contents
from include.ledger.journals import Actor, Scope
from include.ledger.opening import wanted_reference
from include.ledger.placing import make_plan
from include.ledger.plan import Plan, Reading, Snapshot
from include.ledger.plan_writing import Overtaken, take_version, write_plan
from include.ledger.runs import RunKey
from include.ledger.snapshot import claim_version, take_snapshot, taken_references
from include.settings.tenant import Tenant

_MOST_RACES = 20


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
        try:
            snapshot, plan, outcomes = prepare(ledger, scope, tenant, reading, run_day)
            write_plan(ledger, scope, snapshot, plan, outcomes, actor, run, clock)
        except Overtaken:
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
    _leave_taken_references(ledger, scope, plan)
    contents = [*plan.fresh.values(), *plan.changed.values()]
    return snapshot, plan, derive_contents(contents, tenant, run_day)


def _leave_taken_references(ledger: Ledger, scope: Scope, plan: Plan) -> None:
    """New journals whose reference belongs to another one have none, and are held.

    Read after the snapshot: what comes in between makes the plan start over.
    """
    wanted = [content.reference for content in plan.fresh.values() if content.reference is not None]
    with ledger.read() as connection:
        taken = taken_references(connection, scope.target, wanted)
    for content in plan.fresh.values():
        if content.reference in taken:
            content.reference = None


def overtake(connection: sa.Connection, target: str) -> None:
    """Whoever is planning a claim in this company starts over: expenses have moved."""
    columns = tables.claim_version.c
    connection.execute(
        tables.claim_version.update().where(columns.target == target).values(version=columns.version + 1)
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
        except Overtaken:
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
        version = claim_version(connection, scope.target)
        found = [
            journal
            for journal in journals.fetch(connection, scope, keys).values()
            if journal.state in journals.DERIVABLE_STATES and not journal.frozen
        ]
        contents = derivation.stored_contents(connection, scope, found)
        _find_references(connection, scope.target, tenant, contents)
    if not found:
        return
    outcomes = derive_contents(contents, tenant, run_day)
    with ledger.write() as connection:
        # The expenses were read outside this transaction: a claim in between may have moved them elsewhere.
        take_version(connection, scope.target, version)
        for journal in found:
            derivation.write_outcome(connection, journal, outcomes[journal.key], clock(), actor)


def _find_references(
    connection: sa.Connection, target: str, tenant: Tenant, contents: Iterable[derivation.Content]
) -> None:
    """Give contents without a reference the one they want, where it is free."""
    wanted = {
        content.key: reference
        for content in contents
        if content.reference is None and (reference := wanted_reference(tenant, content.key, content.per)) is not None
    }
    taken = taken_references(connection, target, wanted.values())
    for content in contents:
        reference = wanted.get(content.key)
        if reference is not None and reference not in taken:
            content.reference = reference
            taken.add(reference)
