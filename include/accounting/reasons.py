"""Why a journal is held, in words a finance person can act on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from include.accounting.money import written


@dataclass(frozen=True)
class Reason:
    """One cause that stops a journal.

    ``code`` and ``subject`` group equal causes over many reports (``category_unmapped`` / ``Meals``); ``amount_cents`` is
    what the cause holds up in this report; ``fix`` says what to change and where.
    """

    code: str
    message: str
    fix: str
    subject: str = ""
    report_id: str | None = None
    amount_cents: int | None = None
    currency: str | None = None

    def headline(self) -> str:
        """What is wrong, in which report, and how much it holds up."""
        place = f"report {self.report_id}" if self.report_id else ""
        amount = written(self.amount_cents, self.currency) if self.amount_cents is not None else ""
        about = ", ".join(part for part in (place, amount) if part)
        return f"{self.message}{f' ({about})' if about else ''}"

    def text(self) -> str:
        """Headline and fix in one line: for events and lists."""
        return f"{self.headline()}. {self.fix}"

    def as_json(self) -> dict[str, Any]:
        """JSON values; :meth:`from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Reason:
        """The reason that :meth:`as_json` wrote."""
        return cls(**value)
