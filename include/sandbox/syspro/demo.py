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

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count

from include.sandbox.expensify import Policy
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


@dataclass(frozen=True)
class _Expense:
    """One line: cents in `currency` (a refund is negative), and its cents in USD when that is not USD."""

    category: str
    cents: int
    plant: str
    project: str = ""
    merchant: str = "Corner Store"
    card: bool = False
    currency: str = "USD"
    converted: int | None = None


@dataclass(frozen=True)
class _Report:
    """One report: days before today on which it was approved, the UTC hour, and its lines."""

    days_ago: int
    hour: int
    name: str
    person: str
    lines: Sequence[_Expense] = field(default_factory=tuple)
    status: str = "Approved"


_DANA, _LEE, _SAM, _INES = _PEOPLE
_REPORTS = (
    _Report(3, 15, "Thank-you baskets", _INES, (_Expense("Client Gifts", 18400, "Head Office"),)),
    _Report(
        2,
        14,
        "Chicago trade show",
        _DANA,
        (
            _Expense("Airfare", 41260, "Plant 1", "P-100", "Prairie Air", card=True),
            _Expense("Lodging", 52890, "Plant 1", "P-100", "Lakeside Hotel"),
            _Expense("Meals", 6735, "Plant 1", "P-100", "Deep Dish & Sons"),
        ),
    ),
    _Report(2, 15, "Forklift fuel", _LEE, (_Expense("Fuel", 9918, "Plant 2", merchant="Gas & Go"),)),
    _Report(
        2,
        16,
        "Office refill",
        _INES,
        (
            _Expense("Office Supplies", 13244, "Head Office", merchant="Paperworks"),
            _Expense("Office Supplies", -2150, "Head Office", merchant="Paperworks"),
        ),
    ),
    _Report(
        2,
        17,
        "CAD licences",
        _SAM,
        (_Expense("Software", 129900, "Plant 2", "P-200", "Draftline Inc.", card=True),),
    ),
    _Report(
        2,
        19,
        "Supplier visit Stuttgart",
        _SAM,
        (
            _Expense("Lodging", 24000, "Plant 2", "P-300", "Gasthof Krone", currency="EUR", converted=26112),
            _Expense("Meals", 4585, "Plant 2", "P-300", "Airport Bistro"),
        ),
    ),
    _Report(2, 20, "Team lunch", _LEE, (_Expense("Meals", 15420, "Plant 2", merchant="Taqueria Sol"),)),
    _Report(
        1,
        14,
        "ERP workshop",
        _DANA,
        (
            _Expense("Airfare", 38810, "Head Office", "P-200", "Prairie Air"),
            _Expense("Airfare", -9900, "Head Office", "P-200", "Prairie Air"),
            _Expense("Lodging", 31775, "Head Office", "P-200", "Riverfront Inn", card=True),
        ),
    ),
    _Report(1, 15, "Delivery run", _LEE, (_Expense("Fuel", 7463, "Plant 1", merchant="Gas & Go"),)),
    _Report(
        1,
        16,
        "October subscriptions",
        _INES,
        (
            _Expense("Software", 4900, "Head Office", merchant="Cloudnotes", card=True),
            _Expense("Office Supplies", 2899, "Head Office", merchant="Paperworks"),
        ),
        status="Reimbursed",
    ),
    _Report(1, 17, "Audit dinner", _SAM, (_Expense("Meals", 23155, "Plant 1", "P-300", "Steak Depot"),)),
    _Report(1, 18, "Safety gear", _DANA, (_Expense("Office Supplies", 8642, "Plant 2", "P-300"),)),
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
    transactions = count(4056343049275634001)
    for number, report in enumerate(_REPORTS, start=1):
        server.add_report(_report(f"R00MIDW{number:03d}", report, today, transactions))


def _category(name: str, code: str) -> JsonObject:
    return {"name": name, "enabled": True, "glCode": code, "payrollCode": "", "areCommentsRequired": False}


def _report(identity: str, report: _Report, today: date, transactions: count[int]) -> JsonObject:
    approved = today - timedelta(days=report.days_ago)
    submitted = approved - timedelta(days=1)
    moment = f"{approved} {report.hour:02d}:30:00"
    lines = [
        _transaction(identity, str(next(transactions)), line, submitted - timedelta(days=2)) for line in report.lines
    ]
    total = sum(line.cents if line.converted is None else line.converted for line in report.lines)
    paid = {"reimbursed": f"{approved} {report.hour + 1:02d}:00:00"} if report.status == "Reimbursed" else {}
    return {
        "reportID": identity,
        "reportName": report.name,
        "status": report.status,
        "accountEmail": report.person,
        "submitter": {"fullName": _PEOPLE[report.person]},
        "managerEmail": _MANAGER[0],
        "manager": {"fullName": _MANAGER[1]},
        "created": f"{submitted - timedelta(days=1)} 09:00:00",
        "submitted": f"{submitted} 18:00:00",
        "approved": moment,
        **paid,
        "currency": "USD",
        "total": total,
        "policyID": POLICY,
        "policyName": "Midwest Manufacturing",
        "approvers": [{"email": _MANAGER[0], "date": moment, "fullName": _MANAGER[1]}],
        "transactionList": lines,
    }


def _transaction(report: str, identity: str, line: _Expense, day: date) -> JsonObject:
    card = {"bank": "Amex Corp", "cardName": "Amex Corp 1979", "cardNumber": "3782XXXXXXX1979"}
    levels = [line.plant, *filter(None, (line.project,))]
    code = _CATEGORIES[line.category] if line.category == "Software" else ""
    return {
        "transactionID": identity,
        "reportID": report,
        "merchant": line.merchant,
        "amount": line.cents,
        "convertedAmount": line.converted,
        "currency": line.currency,
        "created": f"{day}",
        "inserted": f"{day} 20:00:00",
        "category": line.category,
        "categoryGlCode": code,
        "tag": ":".join(levels),
        **{f"ntag{level}": tag for level, tag in enumerate(levels, start=1)},
        "reimbursable": not line.card,
        "billable": False,
        "hasTax": False,
        **(card if line.card else {}),
        "type": "expense",
    }


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
