"""What can be said of a site before anything is posted: values of the preflight, which asks and never writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

Level = Literal["ok", "warning", "blocking"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``blocking``: as it is, something would not be posted; ``fix`` says what to change where."""

    level: Level
    subject: str
    message: str
    fix: str = ""


@dataclass(frozen=True)
class SiteQuestions:
    """What a tenant file says that the ERP must agree with.

    ``accounts`` are full accounts of the tenant file, best ones first: some ERPs tell facts of their ledger only together with
    an account that exists. ``days`` are posting dates in question.
    """

    currency: str
    days: tuple[date, ...]
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class SiteCheck:
    """One question to the ERP. ``ask`` may raise any :class:`include.errors.ExpenseError`: the caller names it as a finding."""

    subject: str
    ask: Callable[[], Iterable[Finding]]


def ok(subject: str, message: str) -> list[Finding]:
    """All is well."""
    return [Finding("ok", subject, message)]


def currency_findings(system: str, ledger_currency: str | None, wanted: str, fix: str) -> list[Finding]:
    """Whether the ledger's currency is the tenant's; ``None``: the ERP's interface does not tell."""
    subject = "ledger currency"
    if not ledger_currency:
        return [
            Finding(
                "warning",
                subject,
                f"{system}'s interface does not tell the ledger's currency",
                f"compare it with posting.currency ({wanted}) in {system} itself",
            )
        ]
    if ledger_currency.upper() == wanted.upper():
        return ok(subject, f"{wanted}, as posting.currency says")
    return [
        Finding("blocking", subject, f"{system}'s ledger is in {ledger_currency}, posting.currency says {wanted}", fix)
    ]
