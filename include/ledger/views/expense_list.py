"""The other way round: where is this expense?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.views import sums, words
from include.ledger.views.expense_rows import ExpenseRow as ExpenseRow
from include.ledger.views.expense_rows import ReportTexts, describe, report_of, report_texts
from include.ledger.views.journal_id import JournalId, these
from include.ledger.views.ordering import Order
from include.ledger.views.paging import FIRST_PAGE, Ask, Count, Page, Place, page_of


@dataclass(frozen=True)
class ExpenseFilter:
    """All given conditions must hold; empty ones are no condition.

    ``text`` is a whole transaction ID or report ID, or one or more words: then each must begin a word of the expense's merchant,
    or of its report's name or ID, or of the submitter's name or e-mail, without regard to case.
    """

    tenants: tuple[str, ...] = ()
    text: str | None = None
    report_id: str | None = None
    transaction_id: str | None = None


EVERY_EXPENSE = ExpenseFilter()


def expenses(
    ledger: Ledger,
    tenants: Collection[str],
    where: ExpenseFilter = EVERY_EXPENSE,
    ask: Ask = FIRST_PAGE,
) -> Page[ExpenseRow]:
    """One page of expenses, by target, tenant, journal key and transaction ID.

    :param tenants: the tenants that may be seen, earlier names included; nothing else is read.
    :raises WrongCursor: ``ask.cursor`` is not one of this list.
    """
    with ledger.read() as connection:
        return expense_page(connection, tenants, where, ask)


_EXPENSE = tables.expense.c
ORDER = Order((_EXPENSE.target, _EXPENSE.tenant, _EXPENSE.journal_key, _EXPENSE.transaction_id))
# Sorted: walked, the key of the table leads through every expense of the company to those of one journal.
_WITHIN = Order((_EXPENSE.transaction_id,)).unindexed()
_EVERY_COLUMN = sa.select(tables.expense)
_FEW = 2000


def expense_page(
    connection: sa.Connection, tenants: Collection[str], where: ExpenseFilter, ask: Ask
) -> Page[ExpenseRow]:
    """As :func:`expenses`, within a view of the ledger that the caller holds."""
    visible = set(tenants) & set(where.tenants) if where.tenants else set(tenants)
    companies = sums.companies(connection, visible)
    place = ORDER.place(ask.cursor)
    beginnings = words.sought(where.text)
    by_id = _by_id(connection, companies, where)
    if by_id is not None and (by_id or not beginnings):
        stream: Iterator[_Found] = _read(by_id, place)
        total = Count(len(by_id))
    elif beginnings:
        stream = _with_words(connection, visible, companies, where.text or "", place)
        total = Count(ask.limit, exact=False)
    else:
        stream = _all(connection, companies, place, ask.limit + 1)
        total = Count(ask.limit, exact=False)
    rows = list(islice(stream, ask.limit + 1))
    if place is None and len(rows) <= ask.limit:
        total = Count(len(rows))
    described = describe(connection, [row for row, _ in rows], visible)
    keys = [ORDER.key(row) for row, _ in rows]
    return page_of(described, keys, place, ask.limit, total)


_Found = tuple[sa.RowMapping, ReportTexts | None]


def _backwards(place: Place | None) -> bool:
    return place is not None and place.before


def _read(rows: Iterable[sa.RowMapping], place: Place | None) -> Iterator[_Found]:
    back = _backwards(place)
    ordered = sorted(rows, key=_position, reverse=back)
    for row in ordered:
        if place is None or (_position(row) < place.values if back else _position(row) > place.values):
            yield row, None


def _position(row: sa.RowMapping) -> tuple[str, ...]:
    return tuple(row[column.name] for column in ORDER.columns)


def _by_id(
    connection: sa.Connection, companies: Sequence[sums.Company], where: ExpenseFilter
) -> list[sa.RowMapping] | None:
    """The expenses that a whole ID names; ``None``: the filter has none that could be."""
    text = (where.text or "").strip()
    given = where.transaction_id or where.report_id
    if not given and (not text or len(text.split()) > 1):
        return None
    found: dict[tuple[str, ...], sa.RowMapping] = {}
    for company in sums.as_relations(companies):
        base = _EVERY_COLUMN.join_from(
            company,
            tables.expense,
            sa.and_(_EXPENSE.target == company.c.target, _EXPENSE.tenant == company.c.tenant),
        )
        queries = []
        if given:
            queries.append(base)
        else:
            queries += [base.where(_EXPENSE.transaction_id == text), base.where(_EXPENSE.report_id == text)]
        for query in queries:
            if where.transaction_id:
                query = query.where(_EXPENSE.transaction_id == where.transaction_id)
            if where.report_id:
                query = query.where(_EXPENSE.report_id == where.report_id)
            found |= {_position(row): row for row in connection.execute(query.limit(_FEW)).mappings()}
    if not given or not text:
        return list(found.values())
    listed = list(found.values())
    beginnings = words.sought(text)
    texts = report_texts(connection, listed)
    return [row for row in listed if words.has_all(_said(row, texts.get(report_of(row))), beginnings)]


def _all(
    connection: sa.Connection, companies: Sequence[sums.Company], place: Place | None, size: int
) -> Iterator[_Found]:
    back = _backwards(place)
    for tenant, target in reversed(companies) if back else companies:
        start = None
        if place is not None:
            here = place.values[:2]
            if ((target, tenant) > here) if back else ((target, tenant) < here):
                continue
            start = place if (target, tenant) == here else None
        query = _EVERY_COLUMN.where(_EXPENSE.target == target, _EXPENSE.tenant == tenant)
        last: Place | None = start
        while True:
            part = _company_order(query, last, back).limit(size)
            rows = connection.execute(part).mappings().all()
            for row in rows:
                yield row, None
            if len(rows) < size:
                break
            last = Place(_position(rows[-1]))


_IN_COMPANY = Order((_EXPENSE.journal_key, _EXPENSE.transaction_id))


def _company_order(query: sa.Select[Any], place: Place | None, back: bool) -> sa.Select[Any]:
    return _IN_COMPANY.cut(query, True, Place(place.values[2:]) if place is not None else None, back)


def _with_words(
    connection: sa.Connection,
    visible: Collection[str],
    companies: Sequence[sums.Company],
    text: str,
    place: Place | None,
) -> Iterator[_Found]:
    """Journal by journal: those that have the words, and of their expenses those that have them all."""
    beginnings = words.sought(text)
    back = _backwards(place)
    few = words.search(connection, visible, text, _FEW)
    if few is not None:
        listed: Iterator[JournalId] = _from_place(few, place, back)
    else:
        listed = _journals_with_words(connection, companies, text, place, back)
    for name in listed:
        query = _EVERY_COLUMN.where(these(tables.expense, [name]))
        query = _WITHIN.cut(query, True, None, back)
        rows = connection.execute(query).mappings().all()
        texts = report_texts(connection, rows)
        for row in rows:
            report = texts.get(report_of(row))
            reached = place is None or (_position(row) < place.values if back else _position(row) > place.values)
            if reached and words.has_all(_said(row, report), beginnings):
                yield row, report


def _from_place(names: Sequence[JournalId], place: Place | None, back: bool) -> Iterator[JournalId]:
    for name in reversed(names) if back else names:
        here = (name.target, name.tenant, name.key)
        if place is None or (here <= place.values[:3] if back else here >= place.values[:3]):
            yield name


def _journals_with_words(
    connection: sa.Connection, companies: Sequence[sums.Company], text: str, place: Place | None, back: bool
) -> Iterator[JournalId]:
    journal = tables.journal.c
    for tenant, target in reversed(companies) if back else companies:
        query = sa.select(journal.journal_key).where(
            journal.target == target, journal.tenant == tenant, words.has_words(text, tables.journal)
        )
        if place is not None:
            here = place.values[:2]
            if ((target, tenant) > here) if back else ((target, tenant) < here):
                continue
            if (target, tenant) == here:
                key = str(place.values[2])
                query = query.where(journal.journal_key <= key if back else journal.journal_key >= key)
        query = query.order_by(journal.journal_key.desc() if back else journal.journal_key)
        with connection.execute(query.execution_options(yield_per=100)) as keys:
            for key in keys.scalars():
                yield JournalId(tenant, target, key)


def _said(row: sa.RowMapping, report: ReportTexts | None) -> set[str]:
    said = words.words_in(row["merchant"]) | words.words_in(row["report_id"]) | words.words_in(row["transaction_id"])
    for text in (report.name, report.employee_name, report.employee_email) if report is not None else ():
        said |= words.words_in(text)
    return said
