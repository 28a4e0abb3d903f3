"""Realistic data for the demo tenant `pacific_studio`: USD, America/Los_Angeles, Acumatica tenant Pacific.

Bills are owed to the employee who submitted the report. One submitter has no e-mail address in Acumatica, so the report is
rightly held; every other one posts: a refund as a debit adjustment, card lines as journals of their own, and a report that
Expensify has paid already as a journal against the clearing account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count

from include.sandbox.acumatica.doors import User
from include.sandbox.acumatica.service import Acumatica
from include.sandbox.expensify import Policy
from include.sandbox.expensify.state import JsonObject
from include.sandbox.server import Sandbox

__all__ = ["EXPECTED_HELD", "POLICY", "seed"]

EXPECTED_HELD = {"R00PACI001"}
"""Reports that are rightly held: everything else must post."""

POLICY = "AC0A11C0FFEE0001"
CLIENT_ID = "5EB4C2F0-7A1D-4C66-9E7B-0C5A7F2B11D4@Pacific"
CLIENT_SECRET = "pacific-client-secret"
_CATEGORIES = {
    "Meals": "62100",
    "Airfare": "62200",
    "Lodging": "62300",
    "Software": "64100",
    "Props": "65100",
    "Mileage": "62400",
}
_TEAMS = {"Design": "100100", "Film": "100200", "Office": "100900"}
_PROJECTS = {"Harbor rebrand": "HARBOR", "Spring campaign": "SPRING26"}
_PEOPLE = {
    "mara.chen@pacific.example": ("EP00000101", "Mara Chen"),
    "owen.byrne@pacific.example": ("EP00000102", "Owen Byrne"),
    "tariq.haddad@pacific.example": ("EP00000103", "Tariq Haddad"),
    # Acumatica has the person and not the address.
    "june.park@pacific.example": ("EP00000104", "June Park"),
}
_MANAGER = ("ada.silva@pacific.example", "EP00000100", "Ada Silva")
_MARA, _OWEN, _TARIQ, _JUNE = _PEOPLE


@dataclass(frozen=True)
class _Expense:
    """One line in USD cents; a refund is negative."""

    category: str
    cents: int
    team: str
    project: str = ""
    merchant: str = "Corner Store"
    card: bool = False


@dataclass(frozen=True)
class _Report:
    """Approved so many days before today, at that UTC hour."""

    days_ago: int
    hour: int
    name: str
    person: str
    lines: Sequence[_Expense]
    status: str = "Approved"


_REPORTS = (
    _Report(3, 17, "Client lunch", _JUNE, (_Expense("Meals", 8420, "Office", merchant="Fog Lantern"),)),
    _Report(
        2, 17, "Harbor shoot", _MARA,
        (
            _Expense("Airfare", 31840, "Film", "Harbor rebrand", "Cascade Air"),
            _Expense("Lodging", 45200, "Film", "Harbor rebrand", "Pier Hotel"),
            _Expense("Props", 7999, "Film", "Harbor rebrand", "Second Act", card=True),
            _Expense("Meals", 2345, "Film", "Harbor rebrand", "Noodle Bar"),
        ),
    ),
    _Report(2, 18, "Type licence", _OWEN, (_Expense("Software", 19900, "Design", merchant="Glyph & Co."),)),
    _Report(
        2, 19, "Returned props", _TARIQ,
        (
            _Expense("Props", -12450, "Film", "Spring campaign", "Second Act"),
            _Expense("Mileage", 3217, "Film", "Spring campaign", "Own car"),
        ),
    ),
    _Report(1, 17, "Subscriptions", _OWEN, (_Expense("Software", 5400, "Design", merchant="Cloudnotes", card=True),)),
    _Report(
        1, 18, "Campaign travel", _TARIQ,
        (_Expense("Mileage", 6633, "Film", "Spring campaign"), _Expense("Meals", 1867, "Film", "Spring campaign")),
    ),
    _Report(1, 19, "Office snacks", _MARA, (_Expense("Meals", 4310, "Office", merchant="Grocer"),), "Reimbursed"),
)  # fmt: skip


def seed(sandbox: Sandbox, today: date) -> None:
    """Fill Expensify and Acumatica; the calendar covers the years around `today`."""
    expensify, acumatica = sandbox.expensify, sandbox.service(Acumatica)
    with sandbox.lock:
        _seed_acumatica(acumatica, today)
        expensify.credentials["aa_pacific"] = "pacific-secret"
        expensify.policies[POLICY] = Policy(
            id=POLICY,
            name="Pacific Studio",
            owner=_MANAGER[0],
            categories=[
                {"name": name, "enabled": True, "glCode": "", "payrollCode": "", "areCommentsRequired": False}
                for name in _CATEGORIES
            ],
            tags=[
                {"name": "Team", "tags": [{"name": name, "enabled": True, "glCode": ""} for name in _TEAMS]},
                {"name": "Project", "tags": [{"name": name, "enabled": True, "glCode": ""} for name in _PROJECTS]},
            ],
            employees=[
                {"email": email, "role": "user", "submitsTo": _MANAGER[0], "employeeID": identity}
                for email, (identity, _) in _PEOPLE.items()
            ],
        )
        transactions = count(5056343049275631001)
        for number, report in enumerate(_REPORTS, start=1):
            expensify.add_report(_report(f"R00PACI{number:03d}", report, today, transactions))


def _seed_acumatica(acumatica: Acumatica, today: date) -> None:
    books = acumatica.books
    books.today = lambda: today
    books.company = "Pacific Studio"
    books.next_bill, books.next_batch = 2041, 877
    # Several tasks at once, each in a session of one chain; and requests enough for a demo.
    acumatica.licence.users = 3
    acumatica.doors.applications[CLIENT_ID] = CLIENT_SECRET
    acumatica.doors.add_user(User("expensify", "integration"))
    books.add_ledger("ACTUAL", "SEATTLE", "PORTLAND")
    for year in (today.year - 1, today.year, today.year + 1):
        books.add_year(year)
    for name, code in _CATEGORIES.items():
        books.add_account(code, name)
    books.add_account("10250", "Expensify reimbursement clearing", "Asset")
    books.add_account("20000", "Accounts payable", "Liability")
    books.add_account("20150", "Company card payable", "Liability")
    books.add_subaccount("000000", "Default")
    for name, code in _TEAMS.items():
        books.add_subaccount(code, name)
    for name, code in _PROJECTS.items():
        books.add_project(code, name, "Active", "EXPENSES")
    books.add_employee(_MANAGER[1], _MANAGER[2], _MANAGER[0])
    # Has just begun: Expensify does not know her yet.
    books.add_employee("EP00000105", "Noa Lindt", "noa.lindt@pacific.example", manager=_MANAGER[1])
    for email, (identity, name) in _PEOPLE.items():
        books.add_employee(identity, name, None if email == _JUNE else email, manager=_MANAGER[1])


def _report(identity: str, report: _Report, today: date, transactions: count[int]) -> JsonObject:
    approved = today - timedelta(days=report.days_ago)
    submitted = approved - timedelta(days=1)
    moment = f"{approved} {report.hour:02d}:15:00"
    paid = {"reimbursed": f"{approved} {report.hour + 1:02d}:00:00"} if report.status == "Reimbursed" else {}
    return {
        "reportID": identity,
        "reportName": report.name,
        "status": report.status,
        "accountEmail": report.person,
        "submitter": {"fullName": _PEOPLE[report.person][1]},
        "managerEmail": _MANAGER[0],
        "manager": {"fullName": _MANAGER[2]},
        "created": f"{submitted - timedelta(days=1)} 09:00:00",
        "submitted": f"{submitted} 18:00:00",
        "approved": moment,
        **paid,
        "currency": "USD",
        "total": sum(line.cents for line in report.lines),
        "policyID": POLICY,
        "policyName": "Pacific Studio",
        "approvers": [{"email": _MANAGER[0], "date": moment, "fullName": _MANAGER[2]}],
        "transactionList": [
            _transaction(identity, str(next(transactions)), line, submitted - timedelta(days=2))
            for line in report.lines
        ],
    }


def _transaction(report: str, identity: str, line: _Expense, day: date) -> JsonObject:
    card = {"bank": "Tidewater Bank", "cardName": "Tidewater 4410", "cardNumber": "4410XXXXXXXX4410"}
    levels = [line.team, *filter(None, (line.project,))]
    return {
        "transactionID": identity,
        "reportID": report,
        "merchant": line.merchant,
        "amount": line.cents,
        "convertedAmount": None,
        "currency": "USD",
        "created": f"{day}",
        "inserted": f"{day} 20:00:00",
        "category": line.category,
        "categoryGlCode": "",
        "tag": ":".join(levels),
        **{f"ntag{level}": tag for level, tag in enumerate(levels, start=1)},
        "reimbursable": not line.card,
        "billable": False,
        "hasTax": False,
        **(card if line.card else {}),
        "type": "expense",
    }
