"""The journal entry that is sent, in one shape for both channels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from include.accounting.money import decimal_text
from include.erps.port import Draft
from include.erps.windows_1252 import windows_1252

if TYPE_CHECKING:
    from include.erps.sage_100.settings import Sage100Settings

# Sage's result sets are one text separated by the byte 0x8A, which is this letter.
SEPARATOR = "Š"


@dataclass(frozen=True)
class EntryLine:
    """One line. Cents, one side is zero."""

    account: str
    debit_cents: int
    credit_cents: int
    comment: str


@dataclass(frozen=True)
class Entry:
    """A journal entry to be created."""

    source_journal: str
    posting_date: date
    reference: str
    comment: str
    batch_number: str | None
    lines: tuple[EntryLine, ...]

    def as_json(self) -> dict[str, Any]:
        """The agent's body. Amounts are texts with two decimals: a JSON number would lose that they are."""
        return {
            "sourceJournal": self.source_journal,
            "postingDate": self.posting_date.isoformat(),
            "externalReference": self.reference,
            "journalComment": self.comment,
            **({"batchNo": self.batch_number} if self.batch_number else {}),
            "lines": [
                {
                    "account": line.account,
                    "debitAmount": amount(line.debit_cents),
                    "creditAmount": amount(line.credit_cents),
                    "postingComment": line.comment,
                }
                for line in self.lines
            ],
        }


def entry(draft: Draft, settings: Sage100Settings) -> Entry:
    """The entry of a draft: a refund is a credit line, never a negative debit."""
    return Entry(
        source_journal=settings.source_journal,
        posting_date=draft.posting_date,
        reference=draft.reference,
        comment=_cut(draft.description, settings.sizes.comment),
        batch_number=settings.batch_number,
        lines=tuple(
            EntryLine(
                account=line.account,
                debit_cents=max(line.amount_cents, 0),
                credit_cents=max(-line.amount_cents, 0),
                comment=_cut(line.description, settings.sizes.line_comment),
            )
            for line in draft.sent_lines
        ),
    )


def amount(cents: int) -> str:
    """Cents (never negative) with two decimals, a point, no grouping."""
    return decimal_text(cents)


def storable(text: str) -> str:
    """``text`` in characters that Sage keeps and its readers do not take for a separator."""
    return windows_1252(text, forbidden=SEPARATOR)


def _cut(text: str, length: int) -> str:
    return storable(text).strip()[:length].rstrip()
