"""Where is this report?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.bulk import batches
from include.ledger.database import Ledger
from include.ledger.views import sums, words
from include.ledger.views.journal_id import JournalId, these
from include.ledger.views.ordering import Order, count_some, read_page
from include.ledger.views.paging import FIRST_PAGE, Ask, Count, Page, Place, page_of


@dataclass(frozen=True)
class Approval:
    """One step of a report's approval chain, as Expensify tells it; ``at`` is Expensify's own text (UTC or a calendar day)."""

    who: str
    at: str | None


@dataclass(frozen=True)
class ReportFilter:
    """All given conditions must hold; empty ones are no condition.

    ``text`` is a whole report ID or submitter's e-mail, or one or more words: then each must begin a word of the report's name or
    ID, or of the submitter's name or e-mail, without regard to case.
    """

    tenants: tuple[str, ...] = ()
    text: str | None = None
    report_id: str | None = None


@dataclass(frozen=True)
class ReportPlace:
    """A journal that a report is in; ``left_at`` is set when it is there no more."""

    journal: JournalId
    state: str
    posting_date: date | None
    document_number: str | None
    left_at: datetime | None


EVERY_REPORT = ReportFilter()


@dataclass(frozen=True)
class ReportRow:
    """One report and the journals it is in. ``exported_at``: when it was marked in Expensify."""

    tenant: str
    target: str
    report_id: str
    name: str | None
    employee_name: str | None
    employee_email: str | None
    approvals: tuple[Approval, ...]
    approved_day: date | None
    status: str | None
    total_cents: int | None
    currency: str | None
    policy_name: str | None
    expenses: int
    exported_at: datetime | None
    places: tuple[ReportPlace, ...]


def reports(
    ledger: Ledger,
    tenants: Collection[str],
    where: ReportFilter = EVERY_REPORT,
    ask: Ask = FIRST_PAGE,
) -> Page[ReportRow]:
    """One page of reports, by target and report ID, each with every journal it is or was in.

    :param tenants: the tenants that may be seen, earlier names included; nothing else is read.
    :raises WrongCursor: ``ask.cursor`` is not one of this list.
    """
    with ledger.read() as connection:
        return report_page(connection, tenants, where, ask)


_REPORT = tables.report.c
ORDER = Order((_REPORT.target, _REPORT.tenant, _REPORT.report_id))
_FEW = 2000
_WALKED_AT_ONCE = 500


def report_page(connection: sa.Connection, tenants: Collection[str], where: ReportFilter, ask: Ask) -> Page[ReportRow]:
    """As :func:`reports`, within a view of the ledger that the caller holds."""
    visible = set(tenants) & set(where.tenants) if where.tenants else set(tenants)
    companies = sums.companies(connection, visible)
    place = ORDER.place(ask.cursor)
    beginnings = words.sought(where.text)
    by_id = _by_id(connection, companies, where)
    stream: Iterator[sa.RowMapping]
    if by_id is not None and (by_id or not beginnings):
        stream = _read(by_id, place)
    elif beginnings and (few := _few(connection, visible, where.text or "")) is not None:
        stream = _read((row for row in few if words.has_all(_said(row), beginnings)), place)
    elif beginnings:
        walked = _all(connection, companies, place, _WALKED_AT_ONCE)
        stream = (row for row in walked if words.has_all(_said(row), beginnings))
    else:
        stream = _all(connection, companies, place, ask.limit + 1)
    rows = list(islice(stream, ask.limit + 1))
    total = Count(len(rows)) if place is None and len(rows) <= ask.limit else Count(ask.limit, exact=False)
    described = describe_reports(connection, rows, visible)
    return page_of(described, [ORDER.key(row) for row in rows], place, ask.limit, total)


def _position(row: sa.RowMapping) -> tuple[str, str, str]:
    return row["target"], row["tenant"], row["report_id"]


def _read(rows: Iterable[sa.RowMapping], place: Place | None) -> Iterator[sa.RowMapping]:
    back = place is not None and place.before
    for row in sorted(rows, key=_position, reverse=back):
        if place is None or (_position(row) < place.values if back else _position(row) > place.values):
            yield row


def _by_id(
    connection: sa.Connection, companies: Sequence[sums.Company], where: ReportFilter
) -> list[sa.RowMapping] | None:
    """The reports that a whole ID or e-mail names; ``None``: the filter has none that could be."""
    text = (where.text or "").strip()
    if not where.report_id and (not text or len(text.split()) > 1):
        return None
    found: dict[tuple[str, str, str], sa.RowMapping] = {}
    for company in sums.as_relations(companies):
        base = sa.select(tables.report).join_from(
            company, tables.report, sa.and_(_REPORT.target == company.c.target, _REPORT.tenant == company.c.tenant)
        )
        named = [_REPORT.report_id == where.report_id] if where.report_id else []
        if not named:
            named = [_REPORT.report_id == text, _REPORT.submitter_email == text]
        for condition in named:
            for row in connection.execute(base.where(condition).limit(_FEW)).mappings():
                found[_position(row)] = row
    beginnings = words.sought(text) if where.report_id else []
    return [row for row in found.values() if words.has_all(_said(row), beginnings)]


def _few(connection: sa.Connection, visible: Collection[str], text: str) -> list[sa.RowMapping] | None:
    """The reports of the journals that have the words, when these are few."""
    journals = words.search(connection, visible, text, _FEW)
    if journals is None:
        return None
    member = tables.journal_report.c
    query = sa.select(member.target, member.tenant, member.report_id)
    names: set[tuple[str, str, str]] = set()
    for some in batches(journals, 500):
        part = query.where(these(tables.journal_report, some)).limit(_FEW + 1)
        names |= {(target, tenant, report_id) for target, tenant, report_id in connection.execute(part)}
        if len(names) > _FEW:
            return None
    return _rows(connection, names, visible)


def _rows(
    connection: sa.Connection, names: Collection[tuple[str, str, str]], visible: Collection[str]
) -> list[sa.RowMapping]:
    found: list[sa.RowMapping] = []
    for target in sorted({target for target, _, _ in names}):
        ids = sorted({report_id for of, _, report_id in names if of == target})
        for some in batches(ids, 500):
            query = sa.select(tables.report).where(
                _REPORT.target == target,
                _REPORT.tenant.in_(sorted(visible)),
                _REPORT.report_id.in_(some),
            )
            found += connection.execute(query).mappings()
    return found


def _all(
    connection: sa.Connection, companies: Sequence[sums.Company], place: Place | None, size: int
) -> Iterator[sa.RowMapping]:
    back = place is not None and place.before
    within = Order((_REPORT.report_id,))
    for tenant, target in reversed(companies) if back else companies:
        start: Place | None = None
        if place is not None:
            here = place.values[:2]
            if ((target, tenant) > here) if back else ((target, tenant) < here):
                continue
            start = Place(place.values[2:]) if (target, tenant) == here else None
        query = sa.select(tables.report).where(_REPORT.target == target, _REPORT.tenant == tenant)
        while True:
            rows = connection.execute(within.cut(query, True, start, back).limit(size)).mappings().all()
            yield from rows
            if len(rows) < size:
                break
            start = Place((rows[-1]["report_id"],))


def _said(row: sa.RowMapping) -> set[str]:
    return {
        word
        for name in ("report_id", "name", "submitter_name", "submitter_email")
        for word in words.words_in(row[name])
    }


def reports_of(connection: sa.Connection, journal: JournalId, visible: Collection[str], ask: Ask) -> Page[ReportRow]:
    """The reports of one journal, by ID; those that left it too."""
    member = tables.journal_report.c
    order = Order((member.report_id,))
    query = sa.select(member.target, member.tenant, member.report_id).where(these(tables.journal_report, [journal]))
    page = read_page(connection, query, order, ask, lambda: count_some(connection, query))
    rows = _rows(connection, {_position(row) for row in page.rows}, visible)
    # A report keeps the tenant's name from before a renaming: the journal's own tenant comes first.
    by_id = {row["report_id"]: row for row in sorted(rows, key=lambda row: row["tenant"] == journal.tenant)}
    listed = [by_id[row["report_id"]] for row in page.rows if row["report_id"] in by_id]
    return Page(tuple(describe_reports(connection, listed, visible)), page.next, page.previous, page.total)


def describe_reports(
    connection: sa.Connection, rows: Sequence[sa.RowMapping], visible: Collection[str]
) -> list[ReportRow]:
    """The rows of ``report`` with the places of each, in their order."""
    member, journal = tables.journal_report.c, tables.journal.c
    places: dict[tuple[str, str], list[ReportPlace]] = {}
    query = (
        sa.select(journal.tenant, journal.target, journal.journal_key, journal.state, journal.posting_date)
        .add_columns(journal.document_number, member.left_at, member.report_id)
        .where(
            member.tenant.in_(sorted(visible)),
            journal.target == member.target,
            journal.tenant == member.tenant,
            journal.journal_key == member.journal_key,
        )
        .order_by(member.left_at.is_not(None), journal.created_at, journal.journal_key)
    )
    for target in sorted({row["target"] for row in rows}):
        ids = [row["report_id"] for row in rows if row["target"] == target]
        found = connection.execute(query.where(member.target == target, member.report_id.in_(ids)))
        for tenant, of, key, state, day, number, left_at, report_id in found:
            place = ReportPlace(JournalId(tenant, of, key), state, day, number, left_at)
            places.setdefault((target, report_id), []).append(place)
    return [_row(row, places.get((row["target"], row["report_id"]), [])) for row in rows]


def _row(row: sa.RowMapping, places: Sequence[ReportPlace]) -> ReportRow:
    return ReportRow(
        tenant=row["tenant"],
        target=row["target"],
        report_id=row["report_id"],
        name=row["name"],
        employee_name=row["submitter_name"],
        employee_email=row["submitter_email"],
        approvals=approvals(row["approvers"]),
        approved_day=row["approved_day"],
        status=row["status"],
        total_cents=row["total_cents"],
        currency=row["currency"],
        policy_name=row["policy_name"],
        expenses=row["expense_count"] or 0,
        exported_at=row["exported_at"],
        places=tuple(places),
    )


def approvals(approvers: Iterable[Mapping[str, str]] | None) -> tuple[Approval, ...]:
    """The approval chain as stored with a report."""
    return tuple(
        Approval(approver.get("name") or approver.get("email") or "", approver.get("date"))
        for approver in approvers or ()
    )
