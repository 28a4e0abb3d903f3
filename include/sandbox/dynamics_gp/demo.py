"""Realistic data for the demo tenant `harbor_logistics`: USD, America/New_York, GP company `Harbor Logistics, Inc.` (id 2).

Every report posts, one journal each, into the batch of its month.

    Expensify                                  tenant file / Dynamics GP
    -----------------------------------------  -------------------------------------------------------------
    credentials aa_harbor / harbor-secret      connection expensify_harbor
    policy 4B1D0C5E7A9F2836                    expensify.policies
    categories Meals, Travel, Tolls, Supplies  gl_account 6510, 6520, 6530, 6540
    tag level 1 Terminal, Fleet, Office        cost_center 100, 200, 300, the first segment of every account
    reimbursable lines                         credit.reimbursable 000-2105-00
    lines of bank "Harbor Visa"                credit.company_card 000-2110-00
    Windows account HARBOR\\svc_expensify       connection gp_harbor
"""

from __future__ import annotations

from datetime import date

from include.sandbox.dynamics_gp.books import Company, Employee
from include.sandbox.dynamics_gp.handshake import WindowsAccount
from include.sandbox.dynamics_gp.service import DynamicsGp
from include.sandbox.expensify import Policy
from include.sandbox.expensify.demo_reports import DemoExpense, DemoReport, DemoWorkspace
from include.sandbox.server import Sandbox

__all__ = ["POLICY", "seed"]

POLICY = "4B1D0C5E7A9F2836"
_CATEGORIES = {"Meals": "6510", "Travel": "6520", "Tolls": "6530", "Supplies": "6540"}
_CENTERS = {"Terminal": "100", "Fleet": "200", "Office": "300"}
_PEOPLE = {
    "noor.haddad@harbor.example": "Noor Haddad",
    "tomas.reyes@harbor.example": "Tomás Reyes",
    "wren.ashby@harbor.example": "Wren Ashby",
}
_MANAGER = ("gale.monroe@harbor.example", "Gale Monroe")
_NOOR, _TOMAS, _WREN = _PEOPLE
_WORKSPACE = DemoWorkspace(
    policy=POLICY,
    name="Harbor Logistics",
    currency="USD",
    people=_PEOPLE,
    manager=_MANAGER,
    bank="Harbor Visa",
    card="Harbor Visa 4410",
    card_number="4000XXXXXXXX4410",
)
_REPORTS = (
    DemoReport(
        3,
        15,
        "Carrier conference",
        _NOOR,
        (
            DemoExpense("Travel", 48215, "Office", merchant="Coastline Air", card=True),
            DemoExpense("Travel", 31940, "Office", merchant="Pier Hotel"),
            DemoExpense("Meals", 5875, "Office", merchant="Oyster Shack"),
        ),
    ),
    DemoReport(
        2,
        14,
        "Fleet week",
        _TOMAS,
        (
            DemoExpense("Tolls", 1725, "Fleet", merchant="Bay Bridge"),
            DemoExpense("Tolls", 1725, "Fleet", merchant="Bay Bridge"),
        ),
    ),
    DemoReport(
        2,
        18,
        "Dock repairs",
        _WREN,
        (
            DemoExpense("Supplies", 20999, "Terminal", merchant="Anchor Hardware"),
            DemoExpense("Supplies", -4050, "Terminal", merchant="Anchor Hardware"),
        ),
    ),
    DemoReport(
        1,
        16,
        "Customs broker lunch",
        _NOOR,
        (DemoExpense("Meals", 11360, "Terminal", merchant="Harbor Grill", card=True),),
    ),
    DemoReport(
        1,
        17,
        "Night shift",
        _TOMAS,
        (
            DemoExpense("Meals", 4333, "Terminal", merchant="Noodle Bar"),
            DemoExpense("Meals", 4333, "Fleet", merchant="Noodle Bar"),
            DemoExpense("Tolls", 950, "Fleet", merchant="Tunnel Authority"),
        ),
    ),
)


def seed(sandbox: Sandbox, today: date) -> DynamicsGp:
    """Fill in the tenant's Expensify and GP; reports are approved on the three days before `today`, in UTC hours that fall on
    the same day in New York.
    """
    server = sandbox.service(DynamicsGp)
    with sandbox.lock:
        _seed_expensify(sandbox, today)
        _seed_gp(server, today)
    return server


def _seed_gp(server: DynamicsGp, today: date) -> None:
    server.door.add(WindowsAccount("HARBOR\\svc_expensify", "tide-and-time", upn="svc_expensify@harbor.example"))
    server.add_company(Company(1, "Harbor Holdings"))
    company = server.add_company(Company(2, "Harbor Logistics, Inc.", next_number=27041))
    for year in (today.year - 1, today.year, today.year + 1):
        company.add_months(year)
    for center, code in _CENTERS.items():
        company.add_cost_center(code, center)
        for category, main in _CATEGORIES.items():
            company.add_account(f"{code}-{main}-00", f"{category}, {center}")
    company.add_account("000-2105-00", "Employee reimbursements payable")
    company.add_account("000-2110-00", "Harbor Visa payable")
    # The last one has just begun, and Expensify does not know it yet.
    for email, name in [*_PEOPLE.items(), ("iris.vale@harbor.example", "Iris Vale")]:
        first, _, last = name.partition(" ")
        company.add_employee(Employee(_employee_id(name), first, last, email, "OPS", "100"))


def _employee_id(name: str) -> str:
    return f"{name.partition(' ')[2][:4].upper()}0001"


def _seed_expensify(sandbox: Sandbox, today: date) -> None:
    server = sandbox.expensify
    server.credentials["aa_harbor"] = "harbor-secret"
    server.policies[POLICY] = Policy(
        id=POLICY,
        name="Harbor Logistics",
        owner=_MANAGER[0],
        categories=[
            {"name": name, "enabled": True, "glCode": "", "payrollCode": "", "areCommentsRequired": False}
            for name in _CATEGORIES
        ],
        tags=[{"name": "Cost Center", "tags": [{"name": n, "enabled": True, "glCode": ""} for n in _CENTERS]}],
        employees=[
            {
                "email": email,
                "role": "user",
                "submitsTo": _MANAGER[0],
                "employeeID": _employee_id(name),
                "customField1": _employee_id(name),
                "customField2": "",
            }
            for email, name in _PEOPLE.items()
        ],
    )
    for report in _WORKSPACE.reports("R00HARB", _REPORTS, today, 5120877390461120001):
        server.add_report(report)
