"""What must hold when a cluster has posted: the ledger against the books of the simulated ERPs and against Expensify.

Every function returns what does not hold, in words; an empty list means that it does.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from include.accounting.reasons import Reason
from include.erps.port import AP_ACCOUNT
from include.ledger import tables
from include.ledger.database import Ledger
from include.sandbox.expensify.state import Job
from include.sandbox.server import Sandbox
from scripts.run_report import Journal

# Acumatica keeps a journal's reference at the head of its description.
_HEADED = re.compile(r"Expensify (\S+):")
_DEAD = frozenset({"voided", "cancelled", "reversed"})
DONE = frozenset({"posted", "closed"})
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Document:
    """A live document in an ERP's books; ``cents`` is what the ERP shows as its total."""

    erp: str
    reference: str
    cents: int


@dataclass(frozen=True)
class LedgerView:
    """The ledger's rows at one moment."""

    journals: Rows
    lines: Rows
    expenses: Rows
    members: Rows
    events: Rows
    attempts: Rows
    findings: Rows

    @classmethod
    def read(cls, url: str) -> LedgerView:
        """One consistent view. A ledger without tables has no rows."""
        order = (
            tables.journal,
            tables.journal_line,
            tables.expense,
            tables.journal_report,
            tables.event,
            tables.attempt,
            tables.finding,
        )
        with Ledger(url) as ledger, ledger.read() as connection:
            if not sa.inspect(connection).has_table(tables.journal.name):
                return cls(*([] for _ in order))
            return cls(*([dict(row) for row in connection.execute(sa.select(table)).mappings()] for table in order))

    def shown(self) -> list[Journal]:
        """The journals as the demo's table prints them."""
        lines = Counter((row["target"], row["tenant"], row["journal_key"]) for row in self.lines)
        reports: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for row in self.expenses:
            reports[row["target"], row["tenant"], row["journal_key"]].add(row["report_id"])
        found = []
        for row in self.journals:
            name = (row["target"], row["tenant"], row["journal_key"])
            found.append(
                Journal(
                    tenant=row["tenant"],
                    key=row["journal_key"],
                    state=row["state"],
                    lines=lines[name],
                    total_cents=row["total_debit_cents"],
                    currency=row["currency"] or "",
                    document_number=row["document_number"] or "",
                    reasons=tuple(Reason.from_json(entry).text() for entry in row["reasons"] or []),
                    reports=frozenset(reports[name]),
                )
            )
        return sorted(found, key=lambda one: (one.tenant, one.key))


def documents(sandbox: Sandbox) -> list[Document]:
    """Every live document of every ERP."""
    found = []
    with sandbox.lock:
        for service in sandbox.services:
            if service is sandbox.expensify:
                continue
            for row in service.documents():
                if str(row["status"]).lower() in _DEAD:
                    continue
                written = str(row["reference"] or "")
                headed = _HEADED.match(written)
                total = Decimal(str(row["total"] if "total" in row else row["debit"]).replace(",", ""))
                found.append(Document(service.name, headed[1] if headed else written, int(total * 100)))
    return found


def not_exactly_once(view: LedgerView, before: Iterable[Document], after: Iterable[Document]) -> list[str]:
    """One new live document per posted journal, to the cent, and none besides."""
    new = Counter(after)
    new.subtract(Counter(before))
    booked: dict[tuple[str, str], list[int]] = defaultdict(list)
    for document, times in new.items():
        booked[document.erp, document.reference] += [document.cents] * times
    findings = []
    for row in view.journals:
        name = f"{row['tenant']} {row['journal_key']}"
        reference = (row["target"].partition(":")[0], row["reference"])
        totals = booked.pop(reference, [])
        if row["state"] == "posted" and len(totals) != 1:
            findings.append(f"{name} is posted and the ERP has {len(totals)} documents of it")
        elif row["state"] == "posted" and abs(totals[0]) != _control_total(view, row):
            findings.append(f"{name}: the ERP has {totals[0]} cents, the ledger {_control_total(view, row)}")
        elif row["state"] != "posted" and totals:
            findings.append(f"{name} is {row['state']} and the ERP has a document of it")
    findings += [f"{erp} has a document {name!r} that no journal names" for (erp, name), n in booked.items() if n]
    return findings


def _control_total(view: LedgerView, journal: Mapping[str, Any]) -> int:
    """A bill's payable, a journal's debit side; cents."""
    own = [line for line in view.lines if _same_journal(line, journal)]
    payable = [line["amount_cents"] for line in own if line["account"] == AP_ACCOUNT]
    return abs(sum(payable)) if payable else int(journal["total_debit_cents"])


def _same_journal(row: Mapping[str, Any], journal: Mapping[str, Any]) -> bool:
    return all(row[name] == journal[name] for name in ("target", "tenant", "journal_key"))


def unbalanced(view: LedgerView) -> list[str]:
    """Lines sum to zero; each line is the sum of the expenses that point at it."""
    findings = []
    for row in view.journals:
        own = {line["line"]: line["amount_cents"] for line in view.lines if _same_journal(line, row)}
        sums: Counter[int] = Counter()
        for item in view.expenses:
            if _same_journal(item, row):
                sums[item["debit_line"]] += item["amount_cents"]
                sums[item["credit_line"]] -= item["amount_cents"]
        name = f"{row['tenant']} {row['journal_key']}"
        if sum(own.values()):
            findings.append(f"{name}: its lines sum to {sum(own.values())} cents")
        if row["state"] == "posted" and own != dict(sums):
            findings.append(f"{name}: its lines are not the sums of its expenses")
    return findings


def not_claimed_once(view: LedgerView, reports: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every approved expense in exactly one journal, or its report told of in a finding."""
    journals = {(row["target"], row["tenant"], row["journal_key"]) for row in view.journals}
    claims: Counter[str] = Counter()
    findings = []
    for row in view.expenses:
        claims[row["transaction_id"]] += 1
        if (row["target"], row["tenant"], row["journal_key"]) not in journals:
            findings.append(f"expense {row['transaction_id']} belongs to no journal")
    told = {row["report_id"] for row in view.findings}
    for report in reports:
        if report["status"] not in ("Approved", "Reimbursed") or report["reportID"] in told:
            continue
        for item in report["transactionList"]:
            times = claims[str(item["transactionID"])]
            if times != 1:
                findings.append(f"expense {item['transactionID']} of {report['reportID']} is in {times} journals")
    return findings


def marked_too_early(view: LedgerView, jobs: Iterable[Job]) -> list[str]:
    """No report was marked in Expensify before each of its journals was posted or closed."""
    done: dict[tuple[str, str, str], datetime] = {}
    for row in sorted(view.events, key=lambda one: one["id"]):
        if row["to_state"] in DONE:
            done.setdefault((row["target"], row["tenant"], row["journal_key"]), row["at"])
    findings = []
    for job in jobs:
        if job.operation != "file:mark":
            continue
        for row in view.members:
            if row["left_at"] is None and row["report_id"] in job.reports:
                at = done.get((row["target"], row["tenant"], row["journal_key"]))
                if at is None or at > job.at:
                    findings.append(f"{row['report_id']} was marked before {row['journal_key']} was posted")
    return findings


def unmarked(view: LedgerView, labels: Mapping[str, Iterable[str]], marking: Iterable[str]) -> list[str]:
    """Every report whose journals are all done carries a label, for the tenants that mark."""
    states = {(row["target"], row["tenant"], row["journal_key"]): row["state"] for row in view.journals}
    open_reports: dict[str, bool] = {}
    wanted = set(marking)
    for row in view.members:
        if row["left_at"] is None and row["tenant"] in wanted:
            is_open = states[row["target"], row["tenant"], row["journal_key"]] not in DONE
            open_reports[row["report_id"]] = open_reports.get(row["report_id"], False) or is_open
    return [
        f"{report} is posted and not marked"
        for report, is_open in sorted(open_reports.items())
        if not is_open and not labels.get(report)
    ]
