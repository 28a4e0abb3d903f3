"""Checking journals against the ERP, in bulk: each becomes ``ready`` or ``held`` with its reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import sqlalchemy as sa

from include.accounting.reasons import Reason
from include.clock import Clock, utc_now
from include.erps.port import Draft, Erp, Problem, Verdict
from include.ledger import journals, tables
from include.ledger.database import Ledger
from include.ledger.journals import Actor, Journal, Scope, draft_to_json
from include.settings.tenant import Tenant

PERIOD_CLOSED = "period_closed"
_MOST_MOVES = 24


def check(
    ledger: Ledger,
    scope: Scope,
    tenant: Tenant,
    keys: Iterable[str],
    erp: Erp,
    actor: Actor,
    clock: Clock = utc_now,
) -> None:
    """Settle every ``drafted`` journal among ``keys``; other states are left alone.

    A journal that is derived anew while the ERP is being asked stays ``drafted``: the answer was about its old lines.

    :raises Retryable: the ERP could not be asked; what was derived stays ``drafted``.
    """
    with ledger.read() as connection:
        found = journals.fetch(connection, scope, keys)
    drafted = [journal for journal in found.values() if journal.state == "drafted"]
    sound = [journal for journal in drafted if not journal.reasons and journal.payload is not None]
    verdicts = _verdicts(tenant, [journal.draft() for journal in sound], erp)
    with ledger.write() as connection:
        for journal in drafted:
            verdict = verdicts.get(journal.key)
            now = clock()
            if verdict is None:
                reasons = list(journal.reasons) or [_without_payload(journal)]
                text = " | ".join(reason.text() for reason in reasons)
                values = [reason.as_json() for reason in reasons]
                journals.move(connection, journal, "held", now, actor, text, checked_at=now, reasons=values)
            elif verdict.problems:
                reasons = [_reason(problem, verdict.draft) for problem in verdict.problems]
                text = " | ".join(reason.text() for reason in reasons)
                values = [reason.as_json() for reason in reasons]
                journals.move(connection, journal, "held", now, actor, text, checked_at=now, reasons=values)
            else:
                draft = verdict.draft
                moved = journals.move(
                    connection,
                    journal,
                    "ready",
                    now,
                    actor,
                    "checked: accounts, dimensions and period are good",
                    checked_at=now,
                    reasons=[],
                    payload=draft_to_json(draft),
                    posting_date=draft.posting_date,
                    revision=journal.revision + 1,
                )
                if moved:
                    _write_accounts(connection, journal, draft)


def _write_accounts(connection: sa.Connection, journal: Journal, draft: Draft) -> None:
    """Some ERPs write accounts in a form of their own: the ledger's lines carry what is sent."""
    columns = tables.journal_line.c
    before = {line.number: line.account for line in journal.draft().lines}
    for line in draft.lines:
        if before.get(line.number) != line.account:
            connection.execute(
                tables.journal_line.update()
                .where(
                    columns.target == journal.target,
                    columns.tenant == journal.tenant,
                    columns.journal_key == journal.key,
                    columns.line == line.number,
                )
                .values(account=line.account)
            )


def reasons_of(tenant: Tenant, drafts: Sequence[Draft], erp: Erp) -> dict[str, list[Reason]]:
    """What the ERP has against drafts, by key; nothing is written (for a dry run)."""
    return {
        key: [_reason(problem, verdict.draft) for problem in verdict.problems]
        for key, verdict in _verdicts(tenant, drafts, erp).items()
    }


def _verdicts(tenant: Tenant, drafts: Sequence[Draft], erp: Erp) -> dict[str, Verdict]:
    if not drafts:
        return {}
    verdicts = {verdict.draft.key: verdict for verdict in erp.check(drafts)}
    if tenant.posting.closed_period == "next_open":
        for _ in range(_MOST_MOVES):
            moved = _moved_to_open_period(verdicts.values(), erp)
            if not moved:
                break
            verdicts |= {verdict.draft.key: verdict for verdict in erp.check(moved)}
    return verdicts


def _moved_to_open_period(verdicts: Iterable[Verdict], erp: Erp) -> list[Draft]:
    """Drafts stopped by nothing but their period, on the first day of the next open one."""
    moved = []
    for verdict in verdicts:
        if verdict.problems and all(problem.code == PERIOD_CLOSED for problem in verdict.problems):
            day = erp.next_open_date(verdict.draft)
            if day is not None and day > verdict.draft.posting_date:
                moved.append(replace(verdict.draft, posting_date=day, details={}))
    return moved


def _reason(problem: Problem, draft: Draft) -> Reason:
    report_id = draft.report_ids[0] if len(draft.report_ids) == 1 else None
    return Reason(
        problem.code,
        problem.message,
        problem.fix,
        problem.subject,
        report_id=report_id,
        amount_cents=draft.total_debit_cents,
        currency=draft.currency,
    )


def _without_payload(journal: Journal) -> Reason:
    return Reason(
        "not_derived",
        "The journal could not be built from its reports",
        "Clear this task to read its reports again",
        amount_cents=journal.total_debit_cents,
        currency=journal.currency,
    )
