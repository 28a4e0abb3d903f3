"""The three sides as small tables. Amounts are signed cents, spend positive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from include.erps.port import Draft

WITHDRAWN_STATES = ("OPEN", "SUBMITTED")
"""States of a report that is with its submitter or approver again."""
PERSONS_DECISION = "settled"
"""How ``closed_because`` begins where a person closed the journal."""


@dataclass(frozen=True)
class Spent:
    """One expense as one side has it. ``amount_cents``: ``None`` where Expensify does not say what it is worth."""

    transaction_id: str
    amount_cents: int | None
    category: str
    reimbursable: bool


@dataclass(frozen=True)
class ApprovedReport:
    """A report as Expensify shows it now. ``marked``: whether it carries the tenant's export label; ``None``: not asked.

    ``total_is_off``: its expenses do not add up to its own total, and the tenant holds such reports.
    """

    report_id: str
    status: str | None
    currency: str
    approved_day: date | None
    expenses: tuple[Spent, ...]
    marked: bool | None = None
    total_is_off: bool = False

    @property
    def is_withdrawn(self) -> bool:
        """It went back: what was approved is approved no more."""
        return self.status in WITHDRAWN_STATES


@dataclass(frozen=True)
class Claimed:
    """An expense in the ledger, with the journal that it is in."""

    spent: Spent
    report_id: str
    journal_key: str


@dataclass(frozen=True)
class Booked:
    """A journal of the ledger.

    ``report_ids``: reports that are in it, also those without an expense of their own. ``day``: the approval day it stands
    for. ``draft``: what was, or would be, sent. ``because``: its reasons while it is not posted, or why it was closed.
    ``in_live_run``: a run is still at it. ``by_hand``: a person adopted a document that this package did not create.
    ``accepted``: a person looked at what the ERP shows and let it stand.
    """

    key: str
    state: str
    reference: str | None
    currency: str
    report_ids: tuple[str, ...]
    day: date | None = None
    draft: Draft | None = None
    document_number: str | None = None
    because: str = ""
    in_live_run: bool = False
    by_hand: bool = False
    accepted: bool = False

    @property
    def is_settled(self) -> bool:
        """A person decided that it is never posted."""
        return self.state == "closed" and self.because.startswith(PERSONS_DECISION)


@dataclass(frozen=True)
class Books:
    """The ledger's side. ``references``: all that it knows in this company, of any tenant, upper case.

    ``elsewhere``: expenses that stand in a posted journal of another company too, with that journal's name.
    """

    journals: Mapping[str, Booked]
    expenses: tuple[Claimed, ...]
    references: frozenset[str] = frozenset()
    elsewhere: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rules:
    """What of the tenant file bears on the comparison. ``marks``: reports are marked as exported after posting."""

    start_date: date
    excludes_cards: bool = False
    marks: bool = False


Kind = Literal[
    "not_posted",
    "posted_twice",
    "changed",
    "deleted",
    "withdrawn",
    "altered_in_erp",
    "voided_in_erp",
    "missing_in_erp",
    "not_marked",
    "unknown_document",
    "unexplained",
]


@dataclass(frozen=True)
class Difference:
    """One thing that the sides do not agree on.

    ``expected_cents`` is what the side says that should be followed (Expensify's of a report, the ledger's of a document),
    ``found_cents`` what the other one has. ``fingerprint`` is the same from day to day, whatever becomes of the amounts.
    """

    kind: Kind
    message: str
    next_step: str
    currency: str
    expected_cents: int | None
    found_cents: int | None
    report_id: str | None = None
    journal_key: str | None = None
    document: str | None = None
    day: date | None = None
    """The day whose window sees it: of the journal, else of the report's approval, else of the document."""

    @property
    def fingerprint(self) -> str:
        """What makes it the same difference tomorrow."""
        return ":".join([self.kind, self.report_id or "", self.journal_key or "", self.document or ""])
