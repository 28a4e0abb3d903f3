"""A person's decision on journals that the package must not decide: adopt, reissue, close.

Every decision carries a reason and the person's name in the journal's events. Nothing is ever edited: a correction is a new
journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from include.clock import Clock, utc_now
from include.erps.port import Erp, asked_anew
from include.errors import Held, Misconfigured
from include.ledger import claims, journals, stored, tables
from include.ledger.database import Ledger
from include.ledger.journals import Actor, Journal, Scope
from include.settings.tenant import Tenant

Action = Literal["adopt", "reissue", "close"]
SETTLED = "settled"

# Narrower than the ledger's transitions: those of posting (posting -> posted) are no person's to make.
APPLIES_TO: dict[Action, tuple[str, ...]] = {
    "adopt": ("held", "rejected", "conflict", "posted"),
    "close": ("drafted", "held", "rejected", "conflict"),
    "reissue": ("posted", "conflict"),
}
"""Adopting a posted journal changes nothing but settles its findings: the document stands as it is."""


@dataclass(frozen=True)
class Decision:
    """What a person decided, and why. ``who`` is that person's name."""

    action: Action
    reason: str
    who: str
    document_number: str | None = None


def settle_journals(
    ledger: Ledger,
    scope: Scope,
    tenant: Tenant,
    keys: Sequence[str],
    decision: Decision,
    erp: Erp | None,
    actor: Actor,
    clock: Clock = utc_now,
) -> list[str]:
    """Carry a decision out on each journal; returns one sentence per journal.

    :param erp: needed to reissue: the ERP must show the old document absent or voided.
    :raises Misconfigured: the decision is incomplete or names unknown journals; nothing was changed.
    :raises Held: a journal is in a state that the action does not fit (nothing was changed), it changed meanwhile, or the
        ERP shows a live document.
    """
    _require_complete(decision, keys)
    with ledger.read() as connection:
        found = journals.fetch(connection, scope, keys)
    missing = [key for key in keys if key not in found]
    if missing:
        raise Misconfigured(f"journals {', '.join(missing)} are not in the ledger of {scope.target}: check their keys")
    _require_fitting(decision, [found[key] for key in keys])
    if decision.action == "adopt":
        return [_adopt(ledger, scope, found[key], decision, actor, clock) for key in keys]
    if decision.action == "close":
        return [_close(ledger, found[key], decision, actor, clock) for key in keys]
    if erp is None:
        raise Misconfigured("a reissue needs the ERP, to see that the old document is gone")
    return [_reissue(ledger, scope, tenant, found[key], decision, erp, actor, clock) for key in keys]


def close_unknown_reports(
    ledger: Ledger,
    scope: Scope,
    report_ids: Sequence[str],
    decision: Decision,
    actor: Actor,
    clock: Clock = utc_now,
) -> list[str]:
    """Close reports that the ledger does not know yet (keyed by hand, or posted before a cut-over): never posted by us.

    Reports that it knows are closed through their journals, so they are left alone here.
    """
    if decision.action != "close":
        raise Misconfigured("by report ID only `close` is possible: name the journals to adopt or reissue")
    _require_complete(decision, report_ids)
    with ledger.write() as connection:
        known = {report_id for _, report_id, _ in stored.memberships(connection, scope, report_ids=report_ids)}
        fresh = [report_id for report_id in dict.fromkeys(report_ids) if report_id not in known]
        for report_id in fresh:
            _insert_closed(connection, scope, report_id, decision, actor, clock())
    sentences = [f"report {report_id} is closed: it is never posted" for report_id in fresh]
    return sentences + [f"report {report_id} is in a journal: settle that" for report_id in sorted(known)]


def _require_complete(decision: Decision, named: Sequence[str]) -> None:
    if not decision.reason.strip():
        raise Misconfigured("a reason is mandatory: say why, for the auditor who reads it in two years")
    if not named:
        raise Misconfigured("name the journals (or, to close, the report IDs) to settle")
    if decision.action == "adopt" and (not decision.document_number or len(named) != 1):
        raise Misconfigured("adopt takes exactly one journal and the document number that it became in the ERP")


def _require_fitting(decision: Decision, named: Sequence[Journal]) -> None:
    states = APPLIES_TO[decision.action]
    wrong = [f"journal {journal.key} is {journal.state}" for journal in named if journal.state not in states]
    if wrong:
        raise Held(f"{', '.join(wrong)}: `{decision.action}` takes journals that are {' or '.join(states)}")


def _with_who(decision: Decision) -> str:
    return f"{decision.action} by {decision.who}: {decision.reason.strip()}"


def _adopt(ledger: Ledger, scope: Scope, journal: Journal, decision: Decision, actor: Actor, clock: Clock) -> str:
    now = clock()
    with ledger.write() as connection:
        if journal.state == "posted":
            # The total that differs was looked at: the document stands as it is.
            _settle_findings(connection, scope, journal, now)
            number = journal.document_number
            journals.record(
                connection,
                journal.tenant,
                journal.target,
                journal.key,
                "posted",
                "posted",
                now,
                actor,
                _with_who(decision),
            )
        else:
            number = decision.document_number
            _move(
                connection,
                journal,
                "posted",
                now,
                actor,
                decision,
                document_number=number,
                posted_at=now,
                incomplete=False,
                frozen=True,
                reasons=[],
            )
    return f"journal {journal.key} is posted as {number}"


def _close(ledger: Ledger, journal: Journal, decision: Decision, actor: Actor, clock: Clock) -> str:
    with ledger.write() as connection:
        _move(connection, journal, "closed", clock(), actor, decision, closed_because=SETTLED)
    return f"journal {journal.key} is closed: it is never posted"


def _reissue(
    ledger: Ledger,
    scope: Scope,
    tenant: Tenant,
    journal: Journal,
    decision: Decision,
    erp: Erp,
    actor: Actor,
    clock: Clock,
) -> str:
    live = [document for document in asked_anew(erp).find(journal.draft()) if document.live]
    if live:
        numbers = ", ".join(str(document.number) for document in live)
        raise Held(
            f"journal {journal.key}: the ERP still shows {numbers} under {journal.reference}; void or reverse it first"
        )
    with ledger.write() as connection:
        now = clock()
        key = _next_key(connection, scope, journal.key)
        _move(connection, journal, "closed", now, actor, decision, closed_because=f"{SETTLED}: reissued as {key}")
        _insert_successor(connection, journal, key, now, actor)
        _move_contents(connection, journal, key, now)
        claims.overtake(connection, scope.target)
    day = journal.approval_date or clock().date()
    claims.derive_again(ledger, scope, tenant, [key], day, actor, clock)
    return f"journal {journal.key} is closed, its expenses are in {key}: the next run posts it"


def _move(
    connection: sa.Connection,
    journal: Journal,
    to_state: Literal["posted", "closed"],
    now: datetime,
    actor: Actor,
    decision: Decision,
    **values: Any,
) -> None:
    if not journals.move(connection, journal, to_state, now, actor, _with_who(decision), **values):
        raise Held(f"journal {journal.key} changed meanwhile: look at it again")


def _settle_findings(connection: sa.Connection, scope: Scope, journal: Journal, now: datetime) -> None:
    columns = tables.finding.c
    connection.execute(
        tables.finding.update()
        .where(columns.target == scope.target, columns.tenant == journal.tenant, columns.journal_key == journal.key)
        .values(settled_at=now)
    )


def _next_key(connection: sa.Connection, scope: Scope, key: str) -> str:
    number = 2
    while journals.fetch(connection, scope, [f"{key}-{number}"]):
        number += 1
    return f"{key}-{number}"


def _insert_successor(connection: sa.Connection, journal: Journal, key: str, now: datetime, actor: Actor) -> None:
    connection.execute(
        tables.journal.insert().values(
            tenant=journal.tenant,
            target=journal.target,
            journal_key=key,
            kind=journal.kind,
            part=journal.part,
            per=journal.per,
            state="drafted",
            approval_date=journal.approval_date,
            first_posting_date=journal.posting_date,
            posting_date=journal.posting_date,
            currency=journal.currency,
            reasons=[],
            created_at=now,
        )
    )
    message = f"takes over the expenses of {journal.key}"
    journals.record(connection, journal.tenant, journal.target, key, None, "drafted", now, actor, message)


def _move_contents(connection: sa.Connection, journal: Journal, key: str, now: datetime) -> None:
    expense, member = tables.expense.c, tables.journal_report.c
    connection.execute(
        tables.expense.update()
        .where(expense.target == journal.target, expense.tenant == journal.tenant, expense.journal_key == journal.key)
        .values(journal_key=key)
    )
    old = sa.and_(member.target == journal.target, member.tenant == journal.tenant, member.journal_key == journal.key)
    reports = connection.execute(sa.select(member.report_id).where(old, member.left_at.is_(None))).scalars().all()
    connection.execute(tables.journal_report.update().where(old).values(left_at=now))
    connection.execute(
        tables.journal_report.insert(),
        [
            {"tenant": journal.tenant, "target": journal.target, "journal_key": key, "report_id": report_id}
            for report_id in reports
        ],
    )


def _insert_closed(
    connection: sa.Connection, scope: Scope, report_id: str, decision: Decision, actor: Actor, now: datetime
) -> None:
    owner = {"tenant": scope.tenant, "target": scope.target}
    connection.execute(tables.report.insert().values(**owner, report_id=report_id, expense_count=0))
    connection.execute(
        tables.journal.insert().values(
            **owner,
            journal_key=report_id,
            kind="journal",
            part="main",
            per="report",
            state="drafted",
            reasons=[],
            created_at=now,
        )
    )
    connection.execute(tables.journal_report.insert().values(**owner, journal_key=report_id, report_id=report_id))
    journals.record(connection, scope.tenant, scope.target, report_id, None, "drafted", now, actor, "named by a person")
    made = journals.fetch(connection, scope, [report_id])[report_id]
    _move(connection, made, "closed", now, actor, decision, closed_because=SETTLED)
