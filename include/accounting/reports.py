"""A report as this package books it: effective amounts, local approval day, and what stops it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec


# The collector need not follow it: nothing in it leads back to it.
class ExpenseFacts(msgspec.Struct, gc=False):
    """One expense. ``amount_cents``: effective, in the report's currency, signed (spend positive); ``None``: unknown.

    ``tags`` holds (name, GL code or ``None``) per level. ``reimbursable`` false means paid with a company card.
    """

    transaction_id: str
    amount_cents: int | None
    original_cents: int | None = None
    modified_cents: int | None = None
    converted_cents: int | None = None
    currency: str | None = None
    spent_on: date | None = None
    merchant: str | None = None
    category: str | None = None
    category_gl_code: str | None = None
    tags: tuple[tuple[str, str | None], ...] = ()
    reimbursable: bool = True
    bank: str | None = None
    card_name: str | None = None
    card_last4: str | None = None
    tax_code: str | None = None
    tax_cents: int | None = None


@dataclass(slots=True)
class ReportFacts:
    """One report. ``approved_day`` is a calendar day in the tenant's time zone; ``approved_at`` its UTC time if known.

    ``status`` is one of OPEN, SUBMITTED, APPROVED, REIMBURSED, ARCHIVED; ``None`` when Expensify does not say. ``defects``
    name what could not be read.
    """

    report_id: str
    status: str | None
    currency: str | None
    total_cents: int | None
    approved_day: date | None
    approved_at: datetime | None = None
    reimbursed_day: date | None = None
    name: str | None = None
    submitter_email: str | None = None
    submitter_name: str | None = None
    policy_id: str | None = None
    policy_name: str | None = None
    approvers: tuple[dict[str, str], ...] = ()
    expenses: list[ExpenseFacts] = field(default_factory=list)
    defects: tuple[str, ...] = ()
    extracted_at: datetime | None = None

    @property
    def already_reimbursed(self) -> bool:
        """Expensify (or somebody in it) has paid the employee already."""
        return self.status == "REIMBURSED"

    def fingerprint(self) -> str:
        """Equal for equal content: what would be booked, not when it was read or how it was paid."""
        expenses = sorted(self.expenses, key=attrgetter("transaction_id"))
        parts = [repr(self.currency), repr(self.total_cents)]
        parts += [
            f"({fact.transaction_id!r}, {fact.amount_cents!r}, "
            + _mapped_by(fact.category, fact.tags, fact.reimbursable, fact.bank, fact.card_name)
            for fact in expenses
        ]
        return hashlib.sha256(f"[{', '.join(parts)}]".encode()).hexdigest()[:32]


@lru_cache(maxsize=4096)
def _mapped_by(*values: Any) -> str:
    """The end of the tuple of an expense's values, as :func:`repr` writes it; the same few over and over."""
    return repr(values)[1:]
