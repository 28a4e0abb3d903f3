"""The list of journals: filtered, sorted and paged in the database.

A page is read in one of two ways. When the filter leaves few journals, those are read and sorted. Else the journals are walked in
the wanted order, straight off an index, until a page is full. Which it is, the sums and the search index tell beforehand, so
that neither way ever reads the whole ledger.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa

from include.accounting.reasons import Reason
from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.views import sums, words
from include.ledger.views.erp_progress import is_unfinished, unfinished
from include.ledger.views.journal_id import JournalId as JournalId
from include.ledger.views.journal_id import these
from include.ledger.views.ordering import Order, count_some, read_page, unindexed
from include.ledger.views.paging import FIRST_PAGE, Ask, Count, Page
from include.ledger.views.words import begins_with

Sort = Literal["posting_date", "created_at", "total"]

FEW = 2000


@dataclass(frozen=True)
class JournalFilter:
    """All given conditions must hold; empty ones are no condition.

    ``tenants`` narrows what may be seen, never widens it. ``posting_from`` and ``posting_to`` are included. ``account`` matches
    the beginning of an account. ``unfinished``: only posted journals that the ERP has not posted (or released, or numbered) yet.

    ``text`` is one or more words, each of which must be the beginning of a word of the journal, without regard to case: of its
    key, reference or document number; of the ID or name of a report in it, of a submitter's name or e-mail; of a merchant.
    """

    tenants: tuple[str, ...] = ()
    target: str | None = None
    states: tuple[str, ...] = ()
    posting_from: date | None = None
    posting_to: date | None = None
    account: str | None = None
    text: str | None = None
    unfinished: bool = False


EVERY_JOURNAL = JournalFilter()


@dataclass(frozen=True)
class JournalRow:
    """One journal of the list. ``reason`` is the first cause that stops it, ``reasons`` how many there are.

    ``reports`` counts the reports in it now. Amounts are cents of ``currency``.
    """

    id: JournalId
    kind: str
    state: str
    approval_date: date | None
    posting_date: date | None
    created_at: datetime
    total_cents: int
    currency: str | None
    reference: str | None
    document_number: str | None
    erp_status: str | None
    unfinished: bool
    reason: str | None
    reasons: int
    reports: int


def journals(
    ledger: Ledger,
    tenants: Collection[str],
    where: JournalFilter = EVERY_JOURNAL,
    sort: Sort = "posting_date",
    descending: bool = True,
    ask: Ask = FIRST_PAGE,
) -> Page[JournalRow]:
    """One page of the journals; those without a posting date come last in either direction.

    :param tenants: the tenants that may be seen, earlier names included; nothing else is read.
    :raises WrongCursor: ``ask.cursor`` is not one of this list in this order.
    """
    with ledger.read() as connection:
        return journal_page(connection, tenants, where, sort, descending, ask)


def journal_page(
    connection: sa.Connection,
    tenants: Collection[str],
    where: JournalFilter,
    sort: Sort,
    descending: bool,
    ask: Ask,
    *,
    counted: bool = True,
) -> Page[JournalRow]:
    """As :func:`journals`, within a view of the ledger that the caller holds."""
    visible = set(tenants) & set(where.tenants) if where.tenants else set(tenants)
    names = sums.known_tenants(connection, visible)
    order = _order(sort, descending)
    if not names:
        order.place(ask.cursor)
        return Page((), None, None, Count(0))
    source = _source(connection, names, where, order)
    page = read_page(connection, source.query, source.order, ask, source.total if counted else lambda: Count(0, False))
    # Only the order is read while looking for the page: a journal's row is long, and what it says is wanted of a page only.
    names_of_page = [_named(row) for row in page.rows]
    found = rows_of(connection, names_of_page)
    return Page(tuple(found[name] for name in names_of_page), page.next, page.previous, page.total)


_COLUMNS = (
    *("tenant", "target", "journal_key", "kind", "state", "reference", "approval_date", "posting_date", "currency"),
    *("total_debit_cents", "document_number", "erp_status", "incomplete", "reasons", "created_at"),
)


def _order(sort: Sort, descending: bool) -> Order:
    columns = tables.journal.c
    leading: sa.Column[Any] = {
        "posting_date": columns.posting_date,
        "created_at": columns.created_at,
        "total": columns.total_debit_cents,
    }[sort]
    return Order((leading, columns.target, columns.tenant, columns.journal_key), descending)


@dataclass(frozen=True)
class _Source:
    """Where a page is cut from: ``query`` without order, and how many rows it has."""

    query: sa.Select[Any]
    order: Order
    known: int | None
    connection: sa.Connection

    def total(self) -> Count:
        return Count(self.known) if self.known is not None else count_some(self.connection, self.query)


def _source(connection: sa.Connection, names: Sequence[str], where: JournalFilter, order: Order) -> _Source:
    columns = tables.journal.c
    query = sa.select(*order.columns).where(*_conditions(where))
    candidates = _few(connection, names, where)
    if where.account and not candidates.by_account:
        query = query.where(_has_account(where.account))
    if words.sought(where.text) and not candidates.by_text:
        query = query.where(words.has_words(where.text or "", tables.journal))
    if candidates.journals is not None:
        # Never seen by another tenant's reader, so the tenant needs no further condition.
        return _Source(query.where(these(tables.journal, candidates.journals)), order.unindexed(), None, connection)
    summed = sums.count(connection, names, target=where.target, states=where.states, unfinished=where.unfinished)
    exact = not (where.account or words.sought(where.text) or where.posting_from or where.posting_to)
    known = summed if exact else None
    if _leaves_few(connection, names, where, summed):
        return _Source(query.where(columns.tenant.in_(names)), order.unindexed(), known, connection)
    mine = len(names) == 1 or sums.count(connection, names) * 50 < sums.count(connection, None)
    tenant = columns.tenant if mine else unindexed(columns.tenant)
    return _Source(query.where(tenant.in_(names)), order, known, connection)


def _leaves_few(connection: sa.Connection, names: Sequence[str], where: JournalFilter, summed: int) -> bool:
    """Whether state and dates alone leave so few journals that these are better sorted than all of them walked."""
    if summed <= FEW and (where.states or where.unfinished):
        return True
    if where.posting_from is None and where.posting_to is None:
        return False
    first, last = (f"{day:%Y-%m}" if day is not None else None for day in (where.posting_from, where.posting_to))
    return sums.count(connection, names, months=(first, last)) <= FEW


def _conditions(where: JournalFilter) -> Iterator[sa.ColumnElement[bool]]:
    columns = tables.journal.c
    if where.target is not None:
        yield columns.target == where.target
    if where.states:
        yield columns.state.in_(sorted(where.states))
    if where.posting_from is not None:
        yield columns.posting_date >= where.posting_from
    if where.posting_to is not None:
        yield columns.posting_date <= where.posting_to
    if where.unfinished:
        yield unfinished(tables.journal)


@dataclass(frozen=True)
class _Candidates:
    """The journals that the text, the account, or both leave; ``journals`` ``None``: each leaves many."""

    journals: list[JournalId] | None
    by_text: bool = False
    by_account: bool = False


def _few(connection: sa.Connection, names: Sequence[str], where: JournalFilter) -> _Candidates:
    if words.sought(where.text):
        found = words.search(connection, names, where.text or "", FEW)
        if found is not None:
            return _Candidates(found, by_text=True)
    if where.account:
        line = tables.journal_line.c
        query = (
            sa.select(line.tenant, line.target, line.journal_key)
            .where(line.tenant.in_(names), begins_with(line.account, where.account))
            .limit(FEW + 1)
        )
        lines = [JournalId(*row) for row in connection.execute(query)]
        if len(lines) <= FEW:
            return _Candidates(list(dict.fromkeys(lines)), by_account=True)
    return _Candidates(None)


def _has_account(account: str) -> sa.ColumnElement[bool]:
    journal, line = tables.journal.c, tables.journal_line.c
    return sa.exists(
        sa.select(line.line).where(
            line.target == journal.target,
            line.tenant == journal.tenant,
            line.journal_key == journal.journal_key,
            # By the journal's own few lines: the index of accounts would lead through all that the tenant has on this one.
            begins_with(unindexed(line.account), account),
        )
    )


def _named(row: sa.RowMapping) -> JournalId:
    return JournalId(row["tenant"], row["target"], row["journal_key"])


def _report_counts(connection: sa.Connection, names: Sequence[JournalId]) -> dict[JournalId, int]:
    """All members less those that left: both are counted in an index."""
    member = tables.journal_report.c
    owner = (member.tenant, member.target, member.journal_key)
    every = sa.select(*owner, sa.func.count()).where(these(tables.journal_report, names)).group_by(*owner)
    counts = {JournalId(*row[:3]): row[3] for row in connection.execute(every)}
    for *row, left in connection.execute(every.where(member.left_at.is_not(None))):
        counts[JournalId(*row)] -= left
    return counts


def _row(row: sa.RowMapping, reports: dict[JournalId, int]) -> JournalRow:
    name = _named(row)
    reasons = row["reasons"] or []
    return JournalRow(
        id=name,
        kind=row["kind"],
        state=row["state"],
        approval_date=row["approval_date"],
        posting_date=row["posting_date"],
        created_at=row["created_at"],
        total_cents=row["total_debit_cents"],
        currency=row["currency"],
        reference=row["reference"],
        document_number=row["document_number"],
        erp_status=row["erp_status"],
        unfinished=is_unfinished(row),
        reason=Reason.from_json(reasons[0]).headline() if reasons else None,
        reasons=len(reasons),
        reports=reports.get(name, 0),
    )


def rows_of(connection: sa.Connection, names: Sequence[JournalId]) -> dict[JournalId, JournalRow]:
    """The journals as the list shows them, by their names; unknown ones are left out. The caller has checked the tenants."""
    if not names:
        return {}
    columns = tables.journal.c
    query = sa.select(*(columns[name] for name in _COLUMNS)).where(these(tables.journal, names))
    found = connection.execute(query).mappings().all()
    counts = _report_counts(connection, [_named(row) for row in found])
    return {_named(row): _row(row, counts) for row in found}
