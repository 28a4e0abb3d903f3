"""Approved reports of a demo tenant: listed in a few words, made into what the simulated Expensify keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count

from include.sandbox.expensify.state import JsonObject

__all__ = ["DemoExpense", "DemoReport", "DemoWorkspace"]


@dataclass(frozen=True)
class DemoExpense:
    """One line: cents in `currency` (a refund is negative), and its cents in the workspace's where that is another."""

    category: str
    cents: int
    tag: str
    second_tag: str = ""
    merchant: str = "Corner Store"
    card: bool = False
    currency: str | None = None
    converted: int | None = None


@dataclass(frozen=True)
class DemoReport:
    """One report: days before today on which it was approved, the UTC hour, who submitted it, and its lines."""

    days_ago: int
    hour: int
    name: str
    person: str
    lines: Sequence[DemoExpense]
    status: str = "Approved"


@dataclass(frozen=True)
class DemoWorkspace:
    """Where the reports are made: people's names by e-mail, the manager's e-mail and name, and one company card.

    `gl_codes` are the categories that carry their GL code into a report's lines.
    """

    policy: str
    name: str
    currency: str
    people: Mapping[str, str]
    manager: tuple[str, str]
    bank: str
    card: str
    card_number: str
    gl_codes: Mapping[str, str] = field(default_factory=dict)

    def reports(
        self, prefix: str, reports: Sequence[DemoReport], today: date, first_transaction: int
    ) -> Iterator[JsonObject]:
        """The reports as Expensify keeps them, named `<prefix>001`, `<prefix>002` and so on."""
        transactions = count(first_transaction)
        for number, report in enumerate(reports, start=1):
            yield self._report(f"{prefix}{number:03d}", report, today, transactions)

    def _report(self, identity: str, report: DemoReport, today: date, transactions: count[int]) -> JsonObject:
        approved = today - timedelta(days=report.days_ago)
        submitted = approved - timedelta(days=1)
        moment = f"{approved} {report.hour:02d}:30:00"
        paid = {"reimbursed": f"{approved} {report.hour + 1:02d}:00:00"} if report.status == "Reimbursed" else {}
        email, name = self.manager
        return {
            "reportID": identity,
            "reportName": report.name,
            "status": report.status,
            "accountEmail": report.person,
            "submitter": {"fullName": self.people[report.person]},
            "managerEmail": email,
            "manager": {"fullName": name},
            "created": f"{submitted - timedelta(days=1)} 09:00:00",
            "submitted": f"{submitted} 18:00:00",
            "approved": moment,
            **paid,
            "currency": self.currency,
            "total": sum(line.cents if line.converted is None else line.converted for line in report.lines),
            "policyID": self.policy,
            "policyName": self.name,
            "approvers": [{"email": email, "date": moment, "fullName": name}],
            "transactionList": [
                self._transaction(identity, str(next(transactions)), line, submitted - timedelta(days=2))
                for line in report.lines
            ],
        }

    def _transaction(self, report: str, identity: str, line: DemoExpense, day: date) -> JsonObject:
        card = {"bank": self.bank, "cardName": self.card, "cardNumber": self.card_number}
        levels = [line.tag, *filter(None, (line.second_tag,))]
        return {
            "transactionID": identity,
            "reportID": report,
            "merchant": line.merchant,
            "amount": line.cents,
            "convertedAmount": line.converted,
            "currency": line.currency or self.currency,
            "created": f"{day}",
            "inserted": f"{day} 20:00:00",
            "category": line.category,
            "categoryGlCode": self.gl_codes.get(line.category, ""),
            "tag": ":".join(levels),
            **{f"ntag{level}": tag for level, tag in enumerate(levels, start=1)},
            "reimbursable": not line.card,
            "billable": False,
            "hasTax": False,
            **(card if line.card else {}),
            "type": "expense",
        }
