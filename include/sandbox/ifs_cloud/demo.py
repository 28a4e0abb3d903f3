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

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import count

from include.sandbox.expensify import Policy
from include.sandbox.expensify.state import JsonObject
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
# (category, pence in `currency`, cost center, project, merchant, company card, currency, pence in GBP when that differs)
_Line = tuple[str, int, str, str, str, bool, str, int | None]


@dataclass(frozen=True)
class _Report:
    days_ago: int
    hour: int
    name: str
    person: str
    lines: Sequence[_Line]
    status: str = "Approved"


_REPORTS = (
    _Report(
        2,
        9,
        "Turbine overhaul, week 1",
        _AMARA,
        (
            ("Travel", 18640, "Service North", "Turbine overhaul", "LNER", True, "GBP", None),
            ("Accommodation", 22400, "Service North", "Turbine overhaul", "The Quayside Inn", False, "GBP", None),
            ("Meals", 3185, "Service North", "Turbine overhaul", "O'Brien's", False, "GBP", None),
        ),
    ),
    _Report(2, 10, "Van fuel", _RHYS, (("Fuel", 7412, "Service South", "", "Shell", False, "GBP", None),)),
    _Report(
        2,
        11,
        "Harbour lights, last visit",
        _ZOFIA,
        (("Travel", 5460, "Service South", "Harbour lights", "South Western Railway", False, "GBP", None),),
    ),
    _Report(
        1,
        9,
        "Tools, one returned",
        _RHYS,
        (
            ("Tools", 12999, "Service South", "", "Toolstation", False, "GBP", None),
            ("Tools", -4499, "Service South", "", "Toolstation", False, "GBP", None),
        ),
    ),
    _Report(
        1,
        10,
        "Supplier visit Gdańsk",
        _ZOFIA,
        (
            ("Accommodation", 18000, "Head Office", "Grid survey", "Hotel Żuraw", False, "EUR", 15228),
            ("Meals", 2350, "Head Office", "Grid survey", "Heathrow Bistro", False, "GBP", None),
        ),
    ),
    _Report(
        1,
        11,
        "Survey kit",
        _AMARA,
        (("Tools", 64900, "Service North", "Grid survey", "RS Components", True, "GBP", None),),
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
    transactions = count(5056343049275634001)
    for number, report in enumerate(_REPORTS, start=1):
        server.add_report(_report(f"R00ALBI{number:03d}", report, today, transactions))


def _report(identity: str, report: _Report, today: date, transactions: count[int]) -> JsonObject:
    approved = today - timedelta(days=report.days_ago)
    submitted = approved - timedelta(days=1)
    moment = f"{approved} {report.hour:02d}:30:00"
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
        "currency": "GBP",
        "total": sum(line[1] if line[7] is None else line[7] for line in report.lines),
        "policyID": POLICY,
        "policyName": "Albion Field Services",
        "approvers": [{"email": _MANAGER[0], "date": moment, "fullName": _MANAGER[1]}],
        "transactionList": [
            _transaction(identity, str(next(transactions)), line, submitted - timedelta(days=2))
            for line in report.lines
        ],
    }


def _transaction(report: str, identity: str, line: _Line, day: date) -> JsonObject:
    category, pence, center, project, merchant, card, currency, converted = line
    levels = [center, *filter(None, (project,))]
    feed = {"bank": "Barclaycard", "cardName": "Barclaycard 4417", "cardNumber": "4929XXXXXXXX4417"}
    return {
        "transactionID": identity,
        "reportID": report,
        "merchant": merchant,
        "amount": pence,
        "convertedAmount": converted,
        "currency": currency,
        "created": f"{day}",
        "inserted": f"{day} 20:00:00",
        "category": category,
        "categoryGlCode": "",
        "tag": ":".join(levels),
        **{f"ntag{level}": tag for level, tag in enumerate(levels, start=1)},
        "reimbursable": not card,
        "billable": False,
        "hasTax": False,
        **(feed if card else {}),
        "type": "expense",
    }
