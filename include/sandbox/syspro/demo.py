"""Realistic data for the demo tenant `midwest_manufacturing`: USD, America/Chicago, ledger SYSPRO company
EDU1.

The tenant file must map what is listed here. `Software` has GL code 6500 in Expensify, so it needs no entry
when `expensify_gl_code` is on; `Client Gifts` has neither a GL code nor an entry, so its report is rightly
held. That report is alone on the oldest of the three approval days; the reports of the two later days post.

    Expensify                                  tenant file / SYSPRO
    -----------------------------------------  ------------------------------------------------------------
    credentials aa_midwest / midwest-secret    connection expensify_midwest
    policy 0123456789ABCDEF                    expensify.policies
    category Meals                             gl_account 6100
    category Airfare                           gl_account 6200
    category Lodging                           gl_account 6300
    category Office Supplies                   gl_account 6400
    category Software (GL code 6500)           gl_account 6500, by its Expensify GL code
    category Fuel                              gl_account 6600
    category Client Gifts                      not mapped; 6700 is waiting for it
    tag level 1 Plant 1, Plant 2, Head Office  cost_center P1, P2, HO
    tag level 2 P-100, P-200, P-300 or none    project (optional), the same codes; analysis category 1
    reimbursable lines                         credit.reimbursable 2150-00
    lines of bank "Amex Corp"                  credit.company_card 2160-00
    all accounts                               "{gl_account}-{cost_center}", for instance 6100-P1
    operator EXPENSIFY / integration           connection syspro_midwest, company EDU1, no company password
"""

from __future__ import annotations

from datetime import date

from include.sandbox.expensify import Policy
from include.sandbox.expensify.demo_reports import DemoExpense, DemoReport, DemoWorkspace
from include.sandbox.expensify.state import JsonObject
from include.sandbox.server import Sandbox
from include.sandbox.syspro import Company, Operator

EXPECTED_HELD = {"R00MIDW001"}
"""The report that is rightly held: its category has no account."""

POLICY = "0123456789ABCDEF"
_CATEGORIES = {
    "Meals": "6100",
    "Airfare": "6200",
    "Lodging": "6300",
    "Office Supplies": "6400",
    "Software": "6500",
    "Fuel": "6600",
}
_PLANTS = {"Plant 1": "P1", "Plant 2": "P2", "Head Office": "HO"}
_PROJECTS = {"P-100": "Line 4 retrofit", "P-200": "ERP rollout", "P-300": "Safety audit"}
_PEOPLE = {
    "dana.ortiz@midwest.example": "Dana Ortiz",
    "lee.novak@midwest.example": "Lee Novak",
    "sam.okafor@midwest.example": "Sam Okafor",
    "ines.weber@midwest.example": "Inés Weber",
}
_MANAGER = ("pat.lindqvist@midwest.example", "Pat Lindqvist")


_DANA, _LEE, _SAM, _INES = _PEOPLE
_WORKSPACE = DemoWorkspace(
    policy=POLICY,
    name="Midwest Manufacturing",
    currency="USD",
    people=_PEOPLE,
    manager=_MANAGER,
    bank="Amex Corp",
    card="Amex Corp 1979",
    card_number="3782XXXXXXX1979",
    gl_codes={"Software": _CATEGORIES["Software"]},
)
_REPORTS = (
    DemoReport(3, 15, "Thank-you baskets", _INES, (DemoExpense("Client Gifts", 18400, "Head Office"),)),
    DemoReport(
        2,
        14,
        "Chicago trade show",
        _DANA,
        (
            DemoExpense("Airfare", 41260, "Plant 1", "P-100", "Prairie Air", card=True),
            DemoExpense("Lodging", 52890, "Plant 1", "P-100", "Lakeside Hotel"),
            DemoExpense("Meals", 6735, "Plant 1", "P-100", "Deep Dish & Sons"),
        ),
    ),
    DemoReport(2, 15, "Forklift fuel", _LEE, (DemoExpense("Fuel", 9918, "Plant 2", merchant="Gas & Go"),)),
    DemoReport(
        2,
        16,
        "Office refill",
        _INES,
        (
            DemoExpense("Office Supplies", 13244, "Head Office", merchant="Paperworks"),
            DemoExpense("Office Supplies", -2150, "Head Office", merchant="Paperworks"),
        ),
    ),
    DemoReport(
        2,
        17,
        "CAD licences",
        _SAM,
        (DemoExpense("Software", 129900, "Plant 2", "P-200", "Draftline Inc.", card=True),),
    ),
    DemoReport(
        2,
        19,
        "Supplier visit Stuttgart",
        _SAM,
        (
            DemoExpense("Lodging", 24000, "Plant 2", "P-300", "Gasthof Krone", currency="EUR", converted=26112),
            DemoExpense("Meals", 4585, "Plant 2", "P-300", "Airport Bistro"),
        ),
    ),
    DemoReport(2, 20, "Team lunch", _LEE, (DemoExpense("Meals", 15420, "Plant 2", merchant="Taqueria Sol"),)),
    DemoReport(
        1,
        14,
        "ERP workshop",
        _DANA,
        (
            DemoExpense("Airfare", 38810, "Head Office", "P-200", "Prairie Air"),
            DemoExpense("Airfare", -9900, "Head Office", "P-200", "Prairie Air"),
            DemoExpense("Lodging", 31775, "Head Office", "P-200", "Riverfront Inn", card=True),
        ),
    ),
    DemoReport(1, 15, "Delivery run", _LEE, (DemoExpense("Fuel", 7463, "Plant 1", merchant="Gas & Go"),)),
    DemoReport(
        1,
        16,
        "October subscriptions",
        _INES,
        (
            DemoExpense("Software", 4900, "Head Office", merchant="Cloudnotes", card=True),
            DemoExpense("Office Supplies", 2899, "Head Office", merchant="Paperworks"),
        ),
        status="Reimbursed",
    ),
    DemoReport(1, 17, "Audit dinner", _SAM, (DemoExpense("Meals", 23155, "Plant 1", "P-300", "Steak Depot"),)),
    DemoReport(1, 18, "Safety gear", _DANA, (DemoExpense("Office Supplies", 8642, "Plant 2", "P-300"),)),
)


def seed(sandbox: Sandbox, today: date) -> None:
    """Fill the sandbox; reports are approved in the middle of the three days before `today`, in UTC hours
    that fall on the same day in Chicago.
    """
    with sandbox.lock:
        sandbox.expensify.today = lambda: today
        sandbox.syspro.today = lambda: today
        _seed_expensify(sandbox, today)
        _seed_syspro(sandbox, today)


def _seed_expensify(sandbox: Sandbox, today: date) -> None:
    server = sandbox.expensify
    server.credentials["aa_midwest"] = "midwest-secret"
    server.policies[POLICY] = Policy(
        id=POLICY,
        name="Midwest Manufacturing",
        owner=_MANAGER[0],
        categories=[
            *(_category(name, code if name == "Software" else "") for name, code in _CATEGORIES.items()),
            _category("Client Gifts", ""),
        ],
        tags=[
            {"name": "Cost Center", "tags": [{"name": n, "enabled": True, "glCode": ""} for n in _PLANTS]},
            {"name": "Project", "tags": [{"name": n, "enabled": True, "glCode": ""} for n in _PROJECTS]},
        ],
        employees=[
            {
                "email": email,
                "role": "user",
                "submitsTo": _MANAGER[0],
                "employeeID": str(number),
                "customField1": str(number),
                "customField2": "",
            }
            for number, email in enumerate(_PEOPLE, start=1001)
        ],
    )
    # Larger than a double can hold exactly, as real transaction IDs are.
    for report in _WORKSPACE.reports("R00MIDW", _REPORTS, today, 4056343049275634001):
        server.add_report(report)


def _category(name: str, code: str) -> JsonObject:
    return {"name": name, "enabled": True, "glCode": code, "payrollCode": "", "areCommentsRequired": False}


def _seed_syspro(sandbox: Sandbox, today: date) -> None:
    server = sandbox.syspro
    server.add_operator(Operator("EXPENSIFY", "integration"))
    company = server.add_company(
        Company("EDU1", "Midwest Manufacturing", year=today.year, period=today.month, first_number=411)
    )
    for name, code in _CATEGORIES.items():
        for plant, suffix in _PLANTS.items():
            company.add_account(f"{code}-{suffix}", f"{name}, {plant}")
    for suffix, plant in zip(_PLANTS.values(), _PLANTS, strict=True):
        # Where the held report belongs once its category is mapped.
        company.add_account(f"6700-{suffix}", f"Client gifts, {plant}")
    company.add_account("2100-00", "Accounts payable", type="L", control=True)
    company.add_account("2150-00", "Employee reimbursements payable", type="L")
    company.add_account("2160-00", "Amex Corp card payable", type="L")
    company.analysis_codes[1] = dict(_PROJECTS)
    company.add_supplier("101", "Employee expenses clearing")
