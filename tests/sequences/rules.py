"""What must hold at every moment at which no task runs, and at the end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from scripts.cluster_check import LedgerView, marked_too_early, unbalanced
from tests.e2e.erps.under_test import Document
from tests.sequences.world import World

FROZEN = ("posting", "posted", "conflict")
DONE = ("posted", "closed")


class Rules:
    """Remembers what was posted: it must never change again."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.posted: dict[str, Any] = {}

    def broken(self) -> list[str]:
        """What does not hold now."""
        view = self.world.view()
        with self.world.sandbox.lock:
            documents = self.world.company.documents()
            jobs = list(self.world.sandbox.expensify.jobs)
            labels = {name for name, found in self.world.sandbox.expensify.labels.items() if found}
        return [
            *self._documents(view, documents),
            *unbalanced(view),
            *self._expenses(view),
            *marked_too_early(view, jobs),
            *self._marked_without_journal(view, labels),
            *self._unchanged(view),
        ]

    def _documents(self, view: LedgerView, documents: list[Document]) -> list[str]:
        """One live document per posted journal, line by line to the cent; none of a journal that was never sent."""
        by_reference: dict[str, list[Document]] = defaultdict(list)
        for document in documents:
            by_reference[document.reference].append(document)
        found = []
        for row in view.journals:
            own = by_reference.pop(row["reference"], [])
            name, state = row["journal_key"], row["state"]
            if len(own) > 1:
                found.append(f"{name} ({state}) stands {len(own)} times in the ERP")
            elif own and state not in FROZEN:
                found.append(f"{name} is {state} and stands in the ERP")
            elif state == "posted" and not own:
                found.append(f"{name} is posted and the ERP does not have it")
            elif state == "posted":
                found += self._same(view, row, own[0])
        found += [f"the ERP has {reference!r}, which no journal names" for reference in by_reference]
        return found

    def _same(self, view: LedgerView, journal: Mapping[str, Any], document: Document) -> list[str]:
        lines = Counter(
            (line["account"], line["amount_cents"])
            for line in view.lines
            if line["journal_key"] == journal["journal_key"] and line["amount_cents"]
        )
        found = []
        if lines != Counter(document.lines):
            found.append(f"{journal['journal_key']}: the ERP has {sorted(document.lines)}, the ledger {sorted(lines)}")
        if document.total_debit_cents != journal["total_debit_cents"]:
            found.append(f"{journal['journal_key']}: totals differ")
        if document.posting_date != journal["posting_date"]:
            found.append(f"{journal['journal_key']}: it was posted on {document.posting_date}")
        return found

    @staticmethod
    def _expenses(view: LedgerView) -> list[str]:
        """Each in one journal that exists, with its report a member there."""
        members = {(row["journal_key"], row["report_id"]) for row in view.members if row["left_at"] is None}
        twice = [name for name, n in Counter(row["transaction_id"] for row in view.expenses).items() if n > 1]
        return [f"expense {name} is in two journals" for name in twice] + [
            f"expense {row['transaction_id']} is in {row['journal_key']}, its report {row['report_id']} is not"
            for row in view.expenses
            if (row["journal_key"], row["report_id"]) not in members
        ]

    @staticmethod
    def _marked_without_journal(view: LedgerView, labels: set[str]) -> list[str]:
        """A marked report is not exported again: one that stands in no journal would be lost."""
        members = {row["report_id"] for row in view.members if row["left_at"] is None}
        return [f"{name} is marked and in no journal" for name in sorted(labels - members)]

    def _unchanged(self, view: LedgerView) -> list[str]:
        """What was posted stays as it was, in the ledger too."""
        found = []
        for row in view.journals:
            key = row["journal_key"]
            if row["state"] != "posted":
                if key in self.posted:
                    found.append(f"{key} was posted and is {row['state']}")
                continue
            lines = sorted((line["line"], line["amount_cents"]) for line in view.lines if line["journal_key"] == key)
            expenses = sorted(
                (item["transaction_id"], item["amount_cents"]) for item in view.expenses if item["journal_key"] == key
            )
            now = (row["reference"], row["total_debit_cents"], row["posting_date"], row["payload"], lines, expenses)
            if self.posted.setdefault(key, now) != now:
                found.append(f"{key} was changed after it was posted")
        return found

    def broken_at_the_end(self) -> list[str]:
        """All reports were read again and every journal was tried: nothing is lost, nothing waits, changes are told of."""
        view = self.world.view()
        found = self.broken()
        states = {row["journal_key"]: row["state"] for row in view.journals}
        told = {row["report_id"] for row in view.findings}
        held = {
            row["report_id"] for row in view.members if row["left_at"] is None and states[row["journal_key"]] == "held"
        }
        booked: dict[str, dict[str, tuple[int, str]]] = defaultdict(dict)
        for row in view.expenses:
            booked[row["report_id"]][row["transaction_id"]] = (row["amount_cents"], states[row["journal_key"]])
        found += [
            f"{key} is still {state}" for key, state in states.items() if state not in (*DONE, "held", "conflict")
        ]
        with self.world.sandbox.lock:
            reports = {name: dict(item) for name, item in self.world.sandbox.expensify.reports.items()}
        for name, item in reports.items():
            lines = {str(one["transactionID"]): one["amount"] for one in item["transactionList"]}
            known = {one: cents for one, (cents, _) in booked[name].items()}
            if item["status"] in ("Approved", "Reimbursed") and lines != known and name not in told | held:
                found.append(f"{name} has {lines} in Expensify, {known} in the ledger, and nobody is told")
            if item["status"] == "Open" and known and name not in told:
                found.append(f"{name} is open again, stands in {known}, and nobody is told")
        for name in booked:
            if name not in reports and name not in told:
                found.append(f"{name} is gone from Expensify, stands in the ledger, and nobody is told")
        return found
