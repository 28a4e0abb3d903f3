"""The ledger's side of a reconciliation: the journals of some days and reports, with all that is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date

import sqlalchemy as sa

from include.ledger import journals, runs, stored, tables
from include.ledger.bulk import among
from include.ledger.journals import Journal, Scope
from include.ledger.runs import RunKey
from include.reconcile.sides import Booked, Books, Claimed, Spent


def in_days(
    connection: sa.Connection, scope: Scope, first: date, last: date, report_ids: Iterable[str]
) -> tuple[set[str], set[str]]:
    """The reports and journals to compare: (report IDs, journal keys).

    Those approved in these days, by the ledger's account or by that of the caller's ``report_ids``; and whatever shares a journal
    with them, so that no journal is compared in part.
    """
    report, journal = tables.report.c, tables.journal.c
    found_reports = set(report_ids) | set(
        connection.execute(
            sa.select(report.report_id).where(
                report.target == scope.target,
                report.tenant.in_(scope.names),
                report.approved_day.between(first, last),
            )
        ).scalars()
    )
    found_journals = set(
        connection.execute(
            sa.select(journal.journal_key).where(journals.in_scope(scope), journal.approval_date.between(first, last))
        ).scalars()
    )
    new_reports, new_journals = set(found_reports), set(found_journals)
    while new_reports or new_journals:
        members = stored.memberships(connection, scope, report_ids=new_reports, journal_keys=new_journals)
        staying = [(key, report_id) for key, report_id, has_left in members if not has_left]
        new_journals = {key for key, _ in staying} - found_journals
        new_reports = {report_id for _, report_id in staying} - found_reports
        found_journals |= new_journals
        found_reports |= new_reports
    return found_reports, found_journals


def read(connection: sa.Connection, scope: Scope, journal_keys: Iterable[str]) -> Books:
    """The journals with their expenses, without :attr:`Books.references` and without what runs are doing."""
    keys = sorted(set(journal_keys))
    found = journals.fetch(connection, scope, keys)
    members: dict[str, list[str]] = {key: [] for key in found}
    for key, report_id, has_left in stored.memberships(connection, scope, journal_keys=keys):
        if not has_left and key in members:
            members[key].append(report_id)
    decided = _decisions(connection, scope, keys)
    booked = {
        key: _booked(journal, tuple(members[key]), decided.get(key, frozenset())) for key, journal in found.items()
    }
    expenses = tuple(_expenses(connection, scope, keys))
    return Books(booked, expenses, elsewhere=_elsewhere(connection, scope, expenses))


def _booked(journal: Journal, report_ids: tuple[str, ...], decided: frozenset[str | None]) -> Booked:
    reasons = "; ".join(reason.headline() for reason in journal.reasons)
    return Booked(
        key=journal.key,
        state=journal.state,
        reference=journal.reference,
        currency=journal.currency or "",
        report_ids=report_ids,
        day=journal.approval_date,
        draft=journal.draft() if journal.payload is not None else None,
        document_number=journal.document_number,
        because=reasons or journal.closed_because or "",
        by_hand=any(state != "posted" for state in decided),
        accepted="posted" in decided,
    )


def _decisions(connection: sa.Connection, scope: Scope, keys: Iterable[str]) -> dict[str, frozenset[str | None]]:
    """From which states a person adopted each journal."""
    columns = tables.event.c
    found: dict[str, set[str | None]] = {}
    for named in among(connection, columns.journal_key, keys):
        query = sa.select(columns.journal_key, columns.from_state).where(
            columns.target == scope.target,
            columns.tenant.in_(scope.names),
            named,
            columns.to_state == "posted",
            columns.who.is_not(None),
        )
        for key, from_state in connection.execute(query):
            found.setdefault(key, set()).add(from_state)
    return {key: frozenset(states) for key, states in found.items()}


def _expenses(connection: sa.Connection, scope: Scope, keys: Iterable[str]) -> Iterable[Claimed]:
    columns = tables.expense.c
    for named in among(connection, columns.journal_key, keys):
        query = (
            sa.select(
                columns.transaction_id,
                columns.report_id,
                columns.journal_key,
                columns.amount_cents,
                columns.category,
                columns.reimbursable,
            )
            .where(columns.target == scope.target, columns.tenant.in_(scope.names), named)
            .order_by(columns.transaction_id)
        )
        for row in connection.execute(query):
            spent = Spent(row.transaction_id, row.amount_cents, row.category or "", row.reimbursable)
            yield Claimed(spent, row.report_id, row.journal_key)


def _elsewhere(connection: sa.Connection, scope: Scope, expenses: Iterable[Claimed]) -> dict[str, str]:
    """Expenses that another company of this ledger has posted too. A claim holds within one company only."""
    claimed, journal = tables.expense.c, tables.journal.c
    others = sa.select(tables.claim_version.c.target).where(tables.claim_version.c.target != scope.target)
    targets = list(connection.execute(others).scalars())
    found: dict[str, str] = {}
    if not targets:
        return found
    same = sa.and_(
        journal.target == claimed.target,
        journal.tenant == claimed.tenant,
        journal.journal_key == claimed.journal_key,
    )
    for named in among(connection, claimed.transaction_id, (one.spent.transaction_id for one in expenses)):
        query = (
            sa.select(claimed.transaction_id, claimed.target, claimed.journal_key)
            .select_from(tables.expense.join(tables.journal, same))
            .where(claimed.target.in_(targets), named, journal.state == "posted")
        )
        for transaction_id, target, key in connection.execute(query):
            found[transaction_id] = f"{target} {key}"
    return found


def known_references(connection: sa.Connection, target: str, references: Iterable[str]) -> frozenset[str]:
    """Those of the references that any tenant of this company has in the ledger, in upper case."""
    columns = tables.journal.c
    found: set[str] = set()
    # As written and in upper case: some ERPs change the case of what they keep.
    spelt = {spelling for reference in references for spelling in (reference, reference.upper())}
    for named in among(connection, columns.reference, spelt):
        query = sa.select(columns.reference).where(columns.target == target, named)
        found |= {reference.upper() for reference in connection.execute(query).scalars()}
    return frozenset(found)


def with_live_runs(
    connection: sa.Connection, scope: Scope, books: Books, any_alive: Callable[[Iterable[RunKey]], bool]
) -> Books:
    """The books with :attr:`Booked.in_live_run` told for what is not closed: whether a run is still at a journal."""
    waiting = [key for key, journal in books.journals.items() if journal.state != "closed"]
    of_runs = runs.runs_of(connection, scope, waiting)
    alive = {key for key, keys in of_runs.items() if keys and any_alive(keys)}
    return with_journals(books, {key: replace(books.journals[key], in_live_run=True) for key in alive})


def with_journals(books: Books, changed: Mapping[str, Booked]) -> Books:
    """The books with some journals replaced."""
    return replace(books, journals={**books.journals, **changed})
