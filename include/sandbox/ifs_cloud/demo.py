"""Realistic data for the demo tenant `albion_field_services`: GBP, Europe/London, ledger IFS Cloud company 10.

Each report becomes a voucher of its own. The project `Harbour lights` is mapped, but its code part value ended last year in
IFS: the report that uses it is rightly held, and posts once the value is extended there or mapped to another one.

    Expensify                                   tenant file / IFS
    ------------------------------------------  ------------------------------------------------------------
    credentials aa_albion / albion-secret       connection expensify_albion
    policy FEDCBA9876543210                     expensify.policies
    category Travel, Meals, Accommodation,      gl_account 4010, 4020, 4030,
    Tools, Fuel                                 4040, 4050 (code part A)
    tag level 1 Service North, Service South,   cost_center 100, 200,
    Head Office                                 900 (code part B; demanded by 4010 to 4050, refused by 2410, 2420)
    tag level 2 Turbine overhaul, Grid survey,  project P1001, P1002,
    Harbour lights, or none                     P0990 (code part C; ended last year)
    reimbursable lines                          credit.reimbursable 2410
    lines of bank "Barclaycard"                 credit.company_card 2420
    client expensify / ifs-client-secret        connection ifs_albion, realm albion1, company 10, voucher type M
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from include.sandbox.expensify import Policy
from include.sandbox.expensify.demo_reports import DemoExpense, DemoReport, DemoWorkspace
from include.sandbox.ifs_cloud.books import Client, Company
from include.sandbox.ifs_cloud.service import IfsCloud
from include.sandbox.server import Sandbox

__all__ = ["EXPECTED_HELD", "POLICY", "seed"]

EXPECTED_HELD = {"R00ALBI003"}
"""Reports that are rightly held, by tenant: everything else must post."""

POLICY = "FEDCBA9876543210"
_CATEGORIES = {"Travel": "4010", "Meals": "4020", "Accommodation": "4030", "Tools": "4040", "Fuel": "4050"}
_CENTERS = {"Service North": "100", "Service South": "200", "Head Office": "900"}
_PROJECTS = {"Turbine overhaul": "P1001", "Grid survey": "P1002", "Harbour lights": "P0990"}
_PEOPLE = {
    "amara.obi@albion.example": "Amara Obi",
    "rhys.evans@albion.example": "Rhys Evans",
    "zofia.lis@albion.example": "Zofia Liś",
}
_MANAGER = ("imogen.shaw@albion.example", "Imogen Shaw")
_AMARA, _RHYS, _ZOFIA = _PEOPLE
_WORKSPACE = DemoWorkspace(
    policy=POLICY,
    name="Albion Field Services",
    currency="GBP",
    people=_PEOPLE,
    manager=_MANAGER,
    bank="Barclaycard",
    card="Barclaycard 4417",
    card_number="4929XXXXXXXX4417",
)
_REPORTS = (
    DemoReport(
        2,
        9,
        "Turbine overhaul, week 1",
        _AMARA,
        (
            DemoExpense("Travel", 18640, "Service North", "Turbine overhaul", "LNER", card=True),
            DemoExpense("Accommodation", 22400, "Service North", "Turbine overhaul", "The Quayside Inn"),
            DemoExpense("Meals", 3185, "Service North", "Turbine overhaul", "O'Brien's"),
        ),
    ),
    DemoReport(2, 10, "Van fuel", _RHYS, (DemoExpense("Fuel", 7412, "Service South", merchant="Shell"),)),
    DemoReport(
        2,
        11,
        "Harbour lights, last visit",
        _ZOFIA,
        (DemoExpense("Travel", 5460, "Service South", "Harbour lights", "South Western Railway"),),
    ),
    DemoReport(
        1,
        9,
        "Tools, one returned",
        _RHYS,
        (
            DemoExpense("Tools", 12999, "Service South", merchant="Toolstation"),
            DemoExpense("Tools", -4499, "Service South", merchant="Toolstation"),
        ),
    ),
    DemoReport(
        1,
        10,
        "Supplier visit Gdańsk",
        _ZOFIA,
        (
            DemoExpense(
                "Accommodation", 18000, "Head Office", "Grid survey", "Hotel Żuraw", currency="EUR", converted=15228
            ),
            DemoExpense("Meals", 2350, "Head Office", "Grid survey", "Heathrow Bistro"),
        ),
    ),
    DemoReport(
        1,
        11,
        "Survey kit",
        _AMARA,
        (DemoExpense("Tools", 64900, "Service North", "Grid survey", "RS Components", card=True),),
        status="Reimbursed",
    ),
)


def seed(sandbox: Sandbox, today: date) -> None:
    """Fill Expensify and IFS."""
    with sandbox.lock:
        _seed_expensify(sandbox, today)
        _seed_ifs(sandbox.service(IfsCloud), today)


def _seed_ifs(server: IfsCloud, today: date) -> None:
    server.today = lambda: today
    server.tokens.realm, server.tokens.life_s = "albion1", 180
    # The job that moves vouchers to the ledger runs while people watch.
    server.update_after_s = 60
    server.add_client(Client("expensify", "ifs-client-secret", {"10"}))
    company = server.add_company(Company("10", "Albion Field Services", currency="GBP"))
    company.decimals |= {"GBP": 2}
    company.rates |= {"GBP": Decimal(1)}
    for name, account in _CATEGORIES.items():
        company.add_account(account, name, {"B": "Mandatory"})
    for account, name in (("2410", "Accrued employee expenses"), ("2420", "Barclaycard clearing")):
        company.add_account(account, name, {"B": "Blocked", "C": "Blocked"})
    for name, value in _CENTERS.items():
        company.add_code("B", value, name)
    for name, value in _PROJECTS.items():
        company.add_code("C", value, name)
    company.codes["C", "P0990"].valid_until = date(today.year - 1, 12, 31)
    for year in (today.year - 1, today.year):
        company.add_year(year)


def _seed_expensify(sandbox: Sandbox, today: date) -> None:
    server = sandbox.expensify
    server.credentials["aa_albion"] = "albion-secret"
    server.scopes["aa_albion"] = frozenset({POLICY})
    server.policies[POLICY] = Policy(
        id=POLICY,
        name="Albion Field Services",
        owner=_MANAGER[0],
        currency="GBP",
        categories=[
            {"name": name, "enabled": True, "glCode": "", "payrollCode": "", "areCommentsRequired": False}
            for name in _CATEGORIES
        ],
        tags=[
            {"name": level, "tags": [{"name": name, "enabled": True, "glCode": ""} for name in names]}
            for level, names in (("Cost Center", _CENTERS), ("Project", _PROJECTS))
        ],
        employees=[
            {"email": email, "role": "user", "submitsTo": _MANAGER[0], "employeeID": str(number)}
            for number, email in enumerate(_PEOPLE, start=2001)
        ],
    )
    for report in _WORKSPACE.reports("R00ALBI", _REPORTS, today, 5056343049275634001):
        server.add_report(report)
