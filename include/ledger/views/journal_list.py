"""The list of journals: filtered, sorted and paged in the database."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from include.ledger.database import Ledger
from include.ledger.views.paging import Ask, Page

Sort = Literal["posting_date", "created_at", "total"]


@dataclass(frozen=True)
class JournalId:
    """What identifies a journal: keys are unique per tenant and target only."""

    tenant: str
    target: str
    key: str


@dataclass(frozen=True)
class JournalFilter:
    """All given conditions must hold; empty ones are no condition.

    ``tenants`` narrows what may be seen, never widens it. ``posting_from`` and ``posting_to`` are included. ``account`` matches the
    beginning of an account. ``unfinished``: only posted journals that the ERP has not posted (or released, or numbered) yet.

    ``text`` matches, whatever the case of A to Z, the beginning of: the journal's key, reference or document number; the ID or
    name of one of its reports; a merchant; and any part of a submitter's name or e-mail.
    """

    tenants: tuple[str, ...] = ()
    target: str | None = None
    states: tuple[str, ...] = ()
    posting_from: date | None = None
    posting_to: date | None = None
    account: str | None = None
    text: str | None = None
    unfinished: bool = False


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
    where: JournalFilter = JournalFilter(),  # noqa: B008 - frozen
    sort: Sort = "posting_date",
    descending: bool = True,
    ask: Ask = Ask(),  # noqa: B008 - frozen
) -> Page[JournalRow]:
    """One page of the journals; those without a posting date come last in either direction.

    :param tenants: the tenants that may be seen, earlier names included; nothing else is read.
    :raises WrongCursor: ``ask.cursor`` is not one of this list in this order.
    """
    raise NotImplementedError
