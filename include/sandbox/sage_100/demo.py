"""Realistic data for the demo tenant `atlantic_distribution`: USD, America/New_York, Sage 100 company ABC by its agent.

    Expensify                                  tenant file / Sage 100
    -----------------------------------------  ------------------------------------------------------------
    credentials aa_atlantic / atlantic-secret  connection expensify_atlantic
    policy A7C2D4E6F8091B35                    expensify.policies
    categories Meals .. Fuel                   gl_account 610 .. 650
    category Event Tickets                     gl_account 660, an account that Sage has only for Sales
    tag level 1 Sales, Service, Warehouse      cost_center 1, 2, 3 (Sage writes 01, 02, 03)
    reimbursable lines                         credit.reimbursable 200-00-00
    company card lines                         credit.company_card 210-00-00
    user EXPAPI / atlantic-sage, agent's key   connection sage_atlantic, company ABC, format -N03N02N02

The report with Event Tickets for Service is rightly held: account 660-02-00 does not exist, and Sage, which is set to create
missing accounts, is not asked to.
"""

from __future__ import annotations

from datetime import date

from include.sandbox.expensify import Policy
from include.sandbox.expensify.demo_reports import DemoExpense, DemoReport, DemoWorkspace
from include.sandbox.sage_100.books import Company, User
from include.sandbox.sage_100.service import Sage100
from include.sandbox.server import Sandbox

__all__ = ["EXPECTED_HELD", "POLICY", "seed"]

EXPECTED_HELD = {"R00ATLA003"}
POLICY = "A7C2D4E6F8091B35"
_ACCOUNTS = {
    "Meals": "610",
    "Airfare": "620",
    "Lodging": "630",
    "Office Supplies": "640",
    "Fuel": "650",
    "Event Tickets": "660",
}
_CENTERS = {"Sales": "01", "Service": "02", "Warehouse": "03"}
_MANAGER = ("robin.marsh@atlantic.example", "Robin Marsh")
_PEOPLE = {"kim.doyle@atlantic.example": "Kim Doyle", "alex.szabo@atlantic.example": "Alex Szabó"}
_KIM, _ALEX = _PEOPLE
_WORKSPACE = DemoWorkspace(
    policy=POLICY,
    name="Atlantic Distribution",
    currency="USD",
    people=_PEOPLE,
    manager=_MANAGER,
    bank="Visa Business",
    card="Visa Business 4410",
    card_number="4111XXXXXXXX4410",
)
_REPORTS = (
    DemoReport(
        3,
        15,
        "Boston customer visit",
        _KIM,
        (
            DemoExpense("Airfare", 31840, "Sales", merchant="Atlantic Air"),
            DemoExpense("Lodging", 45210, "Sales", merchant="Harbor Inn", card=True),
            DemoExpense("Meals", 7425, "Sales", merchant="Chowder & Co"),
        ),
    ),
    DemoReport(
        2,
        16,
        "Forklift fuel and parts",
        _ALEX,
        (
            DemoExpense("Fuel", 9950, "Warehouse", merchant="Gas <24h>"),
            DemoExpense("Office Supplies", 1899, "Warehouse", merchant="Papír Škoda"),
            DemoExpense("Office Supplies", -1000, "Warehouse", merchant="Papír Škoda"),
        ),
    ),
    DemoReport(
        2, 17, "Trade fair tickets", _KIM, (DemoExpense("Event Tickets", 24000, "Service", merchant="Expo Hall"),)
    ),
    DemoReport(
        1, 18, "Service team dinner", _ALEX, (DemoExpense("Meals", 15660, "Service", merchant="Trattoria “Łuna”"),)
    ),
)


def seed(sandbox: Sandbox, today: date) -> None:
    """Fill Expensify and Sage. Reports are approved on the three days before `today`."""
    expensify, sage = sandbox.expensify, sandbox.service(Sage100)
    with sandbox.lock:
        expensify.credentials["aa_atlantic"] = "atlantic-secret"
        expensify.scopes["aa_atlantic"] = frozenset({POLICY})
        expensify.policies[POLICY] = Policy(
            id=POLICY,
            name="Atlantic Distribution",
            owner=_MANAGER[0],
            categories=[
                {"name": name, "enabled": True, "glCode": "", "payrollCode": "", "areCommentsRequired": False}
                for name in _ACCOUNTS
            ],
            tags=[{"name": "Department", "tags": [{"name": n, "enabled": True, "glCode": ""} for n in _CENTERS]}],
            employees=[
                {"email": email, "role": "user", "submitsTo": _MANAGER[0], "employeeID": str(number)}
                for number, email in enumerate(_PEOPLE, start=2001)
            ],
        )
        for report in _WORKSPACE.reports("R00ATLA", _REPORTS, today, 6120098877665501001):
            expensify.add_report(report)
        _seed_sage(sage, today)


def _seed_sage(sage: Sage100, today: date) -> None:
    sage.api_keys.add("atlantic-agent-key")
    sage.add_user(User("EXPAPI", "atlantic-sage"))
    company = sage.add_company(
        Company("ABC", "Atlantic Distribution", current_year=str(today.year), current_period=f"{today.month:02d}")
    )
    for center, sub in _CENTERS.items():
        for category, main in _ACCOUNTS.items():
            if category != "Event Tickets" or center == "Sales":
                company.add_account(f"{main}-{sub}-00", f"{category}, {center}")
    company.add_account("200-00-00", "Employee reimbursements payable", type="05")
    company.add_account("210-00-00", "Company card payable", type="05")
    for year in (today.year - 1, today.year, today.year + 1):
        company.add_year(year)
