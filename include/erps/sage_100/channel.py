"""What the agent and the SOAP extension have in common: the questions, and the one request that has an effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from include.erps.sage_100.answers import Account, Entry, Period, Structure, SubAccount
from include.erps.sage_100.documents import Entry as NewEntry


@dataclass(frozen=True)
class Credentials:
    """The Sage user, and the agent's own key (agent only)."""

    user: str
    password: str = field(repr=False)
    api_key: str = field(default="", repr=False)


class Channel(Protocol):
    """One way to reach one company. Questions are repeated when an answer is lost, a create never.

    Every method raises :class:`include.erps.sage_100.failures.Failure` for an answer that is no success,
    :class:`include.erps.sage_100.answers.Unreadable` for one that cannot be read, and
    :class:`include.transport.NotSent` or :class:`include.transport.NoAnswer`.
    """

    def structure(self) -> Structure:
        """How the company writes account numbers."""

    def account(self, account: str) -> Account:
        """One account, by its exact text; a failure of class ``absent`` when there is none."""

    def accounts(self) -> list[Account]:
        """All accounts of the company."""

    def sub_accounts(self, segment_no: str) -> list[SubAccount]:
        """All values of one account segment (``02`` is the first after the main account)."""

    def periods(self, fiscal_year: str) -> list[Period]:
        """The periods of a fiscal year; empty when the company has no such year."""

    def entries(self, reference: str) -> list[Entry]:
        """All journal entries, posted ones included, that carry exactly this reference."""

    def create(self, entry: NewEntry, before_send: Callable[[str], None]) -> Created:
        """Create the entry, once. ``before_send`` gets the document without secrets; when it raises, nothing is sent."""

    def close(self) -> None:
        """Close the connection."""


@dataclass(frozen=True)
class Created:
    """The entry that a create answered with, and the answer without secrets."""

    entry: Entry
    raw: str
