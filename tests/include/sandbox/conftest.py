from collections.abc import Iterator
from datetime import date

import pytest

from include.sandbox.expensify import Expensify, Policy
from include.sandbox.server import Sandbox
from include.sandbox.syspro import Company, Operator, Syspro
from tests.include.sandbox.raw_clients import ExpensifyCaller, SysproCaller

TODAY = date(2026, 11, 21)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A running sandbox: four reports, company EDU1 in period 11 of 2026, no request limit."""
    expensify = Expensify()
    expensify.today = lambda: TODAY
    expensify.limits.windows = ()
    expensify.policies["A1"] = Policy("A1", "Workspace", categories=[{"name": "Meals", "enabled": True}])
    for identity, status, approved, policy in (
        ("R1", "Approved", "2026-11-18 15:00:00", "A1"),
        ("R2", "Reimbursed", "2026-11-19", "A1"),
        ("R3", "Approved", "2026-11-20 08:00:00", "B2"),
        ("R4", "Processing", "", "A1"),
    ):
        expensify.add_report(
            {
                "reportID": identity,
                "status": status,
                "approved": approved,
                "created": "2026-11-10",
                "submitted": "2026-11-15 10:00:00",
                "policyID": policy,
                "currency": "USD",
                "total": 1250,
                "transactionList": [],
            }
        )
    syspro = Syspro()
    syspro.today = lambda: TODAY
    syspro.add_operator(Operator("ROBOT", "secret"))
    company = syspro.add_company(Company("EDU1", year=2026, period=11))
    company.add_account("6100-P1", "Meals, Plant 1")
    company.add_account("2150-00", "Reimbursements payable", type="L")
    company.add_account("2100-00", "Payables control", type="L", control=True)
    with Sandbox(expensify=expensify, syspro=syspro) as running:
        yield running


@pytest.fixture
def expensify(sandbox: Sandbox) -> ExpensifyCaller:
    return ExpensifyCaller(sandbox.url)


@pytest.fixture
def syspro(sandbox: Sandbox) -> SysproCaller:
    return SysproCaller(sandbox.url)


@pytest.fixture
def session(syspro: SysproCaller) -> str:
    return syspro.logon()


@pytest.fixture
def edu1(sandbox: Sandbox) -> Company:
    return sandbox.syspro.company("EDU1")
