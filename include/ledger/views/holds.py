"""What is held, grouped by cause: one correction often frees many journals."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from include.ledger.database import Ledger
from include.ledger.views.journal_list import JournalRow
from include.ledger.views.paging import Ask, Page
from include.ledger.views.replaying import Box


@dataclass(frozen=True)
class Cause:
    """What equal holds share. ``message`` is ``""`` where ``code`` and ``subject`` tell causes apart already.

    ``currency`` is that of the amounts, ``""`` when unknown.
    """

    tenant: str
    target: str
    code: str
    subject: str
    currency: str
    message: str = ""


@dataclass(frozen=True)
class HoldGroup:
    """All that one cause holds up: ``message`` says what is wrong, ``fix`` what to change and where.

    ``cents`` adds up what the cause holds up in each report (not the journals' totals: one journal may have several causes).
    ``messages`` counts different wordings, of which ``message`` is one. ``since``: claim of the oldest journal.
    """

    cause: Cause
    message: str
    messages: int
    fix: str
    journals: int
    reports: int
    cents: int
    since: datetime


@dataclass(frozen=True)
class HeldJournal:
    """A journal that a cause holds, and what to clear to replay it: newest run first, empty when no run is known."""

    row: JournalRow
    cents: int
    boxes: tuple[Box, ...]


def holds(
    ledger: Ledger,
    tenants: Collection[str],
    only: Collection[str] = (),
    ask: Ask = Ask(),  # noqa: B008 - frozen
) -> Page[HoldGroup]:
    """The causes of all held, rejected and conflicting journals, by tenant, most money first.

    :param tenants: the tenants that may be seen, earlier names included. :param only: narrows them; empty: all.
    :raises WrongCursor: ``ask.cursor`` is not one of this list.
    """
    raise NotImplementedError


def held_journals(
    ledger: Ledger,
    tenants: Collection[str],
    cause: Cause,
    ask: Ask = Ask(),  # noqa: B008 - frozen
) -> Page[HeldJournal]:
    """The journals of one cause, oldest first; nothing when its tenant may not be seen.

    :raises WrongCursor: ``ask.cursor`` is not one of this list.
    """
    raise NotImplementedError
