"""What the demo shows at the end: the ledger as a table, each held journal with the way to its release, and a verdict."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from include.accounting.money import written
from include.accounting.reasons import Reason

DONE = frozenset({"posted", "closed"})


@dataclass(frozen=True)
class Journal:
    """A journal as the ledger has it."""

    tenant: str
    key: str
    state: str
    lines: int
    total_cents: int
    currency: str
    document_number: str
    reasons: tuple[str, ...]
    reports: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_done(self) -> bool:
        return self.state in DONE


def read_journals(ledger: Path) -> list[Journal]:
    """All journals of a SQLite ledger, by tenant and key. No ledger file: no journals."""
    if not ledger.exists():
        return []
    with closing(sqlite3.connect(f"{ledger.resolve().as_uri()}?mode=ro", uri=True, timeout=30)) as database:
        database.row_factory = sqlite3.Row
        reports: dict[tuple[str, str, str], set[str]] = {}
        for row in database.execute("SELECT DISTINCT tenant, target, journal_key, report_id FROM expense"):
            reports.setdefault((row["tenant"], row["target"], row["journal_key"]), set()).add(row["report_id"])
        rows = database.execute(
            """
            SELECT j.tenant, j.target, j.journal_key, j.state, j.total_debit_cents, j.currency, j.document_number,
                   j.reasons, count(l.journal_key) AS lines
            FROM journal j
            LEFT JOIN journal_line l
              ON l.tenant = j.tenant AND l.target = j.target AND l.journal_key = j.journal_key
            GROUP BY j.tenant, j.target, j.journal_key
            ORDER BY j.tenant, j.journal_key
            """
        )
        return [
            Journal(
                tenant=row["tenant"],
                key=row["journal_key"],
                state=row["state"],
                lines=row["lines"],
                total_cents=row["total_debit_cents"] or 0,
                currency=row["currency"] or "",
                document_number=row["document_number"] or "",
                reasons=_reasons(row["reasons"]),
                reports=frozenset(reports.get((row["tenant"], row["target"], row["journal_key"]), ())),
            )
            for row in rows
        ]


def _reasons(stored: str | None) -> tuple[str, ...]:
    """What holds the journal, each with its report, amount and what to do."""
    return tuple(Reason.from_json(entry).text() for entry in json.loads(stored or "[]"))


def table(journals: Sequence[Journal]) -> str:
    """One line a journal, aligned; totals to the right."""
    head = ("tenant", "journal", "state", "lines", "total", "document")
    rows = [
        (j.tenant, j.key, j.state, str(j.lines), written(j.total_cents, j.currency), j.document_number or "-")
        for j in journals
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    to_the_right = {3, 4}

    def line(row: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if column in to_the_right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join([line(head), line(["-" * width for width in widths]), *map(line, rows)])


def open_journal(journal: Journal, tenant_file: Path, red_box: str | None, expected: bool) -> str:
    """What holds a journal and how a person releases it."""
    why = journal.reasons or ("the ledger gives no reason; see the task's log",)
    lines = [
        f"{journal.state}: {journal.tenant} {journal.key}" + ("  (the demo wants this one held)" if expected else "")
    ]
    lines += [f"  why:    {reason}" for reason in why]
    lines += [
        f"  where:  {tenant_file}",
        f"  replay: clear the red box {red_box}" if red_box else "  replay: clear the red `load` box of its run",
    ]
    return "\n".join(lines)


def expected_to_be_open(journal: Journal, declared: Mapping[str, Collection[str]]) -> bool:
    """A journal may stay open when the demo declares one of its reports as held (it may hold others with it)."""
    return bool(journal.reports & set(declared.get(journal.tenant, ())))


def verdict(journals: Iterable[Journal], tenants: Iterable[str], declared: Mapping[str, Collection[str]]) -> list[str]:
    """Everything that differs from "all is posted but what the demo declares as held"; empty means as it should be."""
    findings: list[str] = []
    by_tenant: dict[str, list[Journal]] = {tenant: [] for tenant in tenants}
    for journal in journals:
        by_tenant.setdefault(journal.tenant, []).append(journal)
    for tenant, own in by_tenant.items():
        if not any(journal.state == "posted" for journal in own):
            findings.append(f"{tenant}: nothing was posted")
        still_open = [journal for journal in own if not journal.is_done]
        findings += [
            f"{tenant}: journal {journal.key} is {journal.state} and should be posted"
            for journal in still_open
            if not expected_to_be_open(journal, declared)
        ]
        # "posting" or "conflict" is never what a demo declares.
        findings += [
            f"{tenant}: journal {journal.key} is {journal.state}, expected held"
            for journal in still_open
            if expected_to_be_open(journal, declared) and journal.state != "held"
        ]
        held = set().union(*(journal.reports for journal in still_open))
        findings += [
            f"{tenant}: report {report} should be held and is not"
            for report in sorted(set(declared.get(tenant, ())) - held)
        ]
    return findings
