"""Realistic data for the demo tenant `pacific_studio`: USD, America/Los_Angeles, Acumatica tenant Pacific.

Bills are owed to the employee who submitted the report. One submitter has no e-mail address in Acumatica, so the report is
rightly held; every other one posts: a refund as a debit adjustment, card lines as journals of their own, and a report that
Expensify has paid already as a journal against the clearing account.
"""

from __future__ import annotations

from datetime import date

from include.sandbox.acumatica.doors import User
from include.sandbox.acumatica.service import Acumatica
from include.sandbox.expensify import Policy
from include.sandbox.expensify.demo_reports import DemoExpense, DemoReport, DemoWorkspace
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
_WORKSPACE = DemoWorkspace(
    policy=POLICY,
    name="Pacific Studio",
    currency="USD",
    people={email: name for email, (_, name) in _PEOPLE.items()},
    manager=(_MANAGER[0], _MANAGER[2]),
    bank="Tidewater Bank",
    card="Tidewater 4410",
    card_number="4410XXXXXXXX4410",
)
_REPORTS = (
    DemoReport(3, 17, "Client lunch", _JUNE, (DemoExpense("Meals", 8420, "Office", merchant="Fog Lantern"),)),
    DemoReport(
        2, 17, "Harbor shoot", _MARA,
        (
            DemoExpense("Airfare", 31840, "Film", "Harbor rebrand", "Cascade Air"),
            DemoExpense("Lodging", 45200, "Film", "Harbor rebrand", "Pier Hotel"),
            DemoExpense("Props", 7999, "Film", "Harbor rebrand", "Second Act", card=True),
            DemoExpense("Meals", 2345, "Film", "Harbor rebrand", "Noodle Bar"),
        ),
    ),
    DemoReport(2, 18, "Type licence", _OWEN, (DemoExpense("Software", 19900, "Design", merchant="Glyph & Co."),)),
    DemoReport(
        2, 19, "Returned props", _TARIQ,
        (
            DemoExpense("Props", -12450, "Film", "Spring campaign", "Second Act"),
            DemoExpense("Mileage", 3217, "Film", "Spring campaign", "Own car"),
        ),
    ),
    DemoReport(1, 17, "Subscriptions", _OWEN, (DemoExpense("Software", 5400, "Design", merchant="Cloudnotes", card=True),)),
    DemoReport(
        1, 18, "Campaign travel", _TARIQ,
        (DemoExpense("Mileage", 6633, "Film", "Spring campaign"), DemoExpense("Meals", 1867, "Film", "Spring campaign")),
    ),
    DemoReport(1, 19, "Office snacks", _MARA, (DemoExpense("Meals", 4310, "Office", merchant="Grocer"),), "Reimbursed"),
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
        for report in _WORKSPACE.reports("R00PACI", _REPORTS, today, 5056343049275631001):
            expensify.add_report(report)


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
