"""What a plan is made from, and what it is: which reports a run books into which journals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from include.accounting.reports import ExpenseFacts, ReportFacts
from include.ledger.derivation import Content
from include.ledger.journals import Journal


@dataclass(frozen=True)
class Reading:
    """What a run has read from Expensify.

    ``wanted`` are the reports the run may claim; ``read`` all that came, the known ones for an update; ``absent`` were
    asked for by ID and did not come; ``labelled`` carry the tenant's export label already; ``too_early`` were
    approved before ``start_date``; a person started the run for those ``named``. ``extracted_at`` is the start of the
    export that did not bring the absent ones.
    """

    read: Mapping[str, ReportFacts]
    wanted: frozenset[str]
    absent: frozenset[str] = frozenset()
    labelled: frozenset[str] = frozenset()
    too_early: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    extracted_at: datetime | None = None


@dataclass
class Snapshot:
    """What the ledger holds about the reports read, at one version of the company's claims.

    ``keys`` are the taken ones among those that the plan may want.
    """

    version: int
    reports: dict[str, ReportFacts]
    fingerprints: dict[str, str]
    members: dict[str, list[str]]
    left: dict[str, list[str]]
    journals: dict[str, Journal]
    contents: dict[str, Content]
    claimed: dict[str, dict[str, list[ExpenseFacts]]]
    claims: dict[str, tuple[str, str, str]]
    last_number: dict[date, int]
    keys: frozenset[str]


@dataclass(frozen=True)
class Found:
    """A finding to be recorded once."""

    kind: str
    report_id: str
    journal_key: str | None
    message: str
    fingerprint: str


@dataclass
class Plan:
    """What is to be written. ``fresh`` are new journals, ``changed`` existing ones whose content is made anew."""

    fresh: dict[str, Content] = field(default_factory=dict)
    changed: dict[str, Content] = field(default_factory=dict)
    updated: dict[str, ReportFacts] = field(default_factory=dict)
    joined: list[tuple[str, str]] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    in_window: list[str] = field(default_factory=list)
