from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from include.erps.dynamics_gp.client import DynamicsGpErp
from include.erps.dynamics_gp.settings import DynamicsGpSettings
from include.erps.port import Draft, Line
from include.sandbox.dynamics_gp import Company, DynamicsGp, WindowsAccount
from include.sandbox.server import Sandbox

NAME = "Fabrikam, Inc. (Ost)"
LOGIN = "FABRIKAM\\svc_expense"
PASSWORD = "Pa ss+&%/é-word"
DAY = date(2026, 10, 20)
NOW = datetime(2026, 10, 21, 12, tzinfo=UTC)
CALENDAR = """first_day,last_day,year,period,open
2026-09-01,2026-09-30,2026,9,no
2026-10-01,2026-10-31,2026,10,yes
2026-11-01,2026-11-30,2026,11,no
2026-12-01,2026-12-31,2026,12,yes
"""


def settings(**changes: Any) -> DynamicsGpSettings:
    values = {"type": "dynamics_gp", "connection": "gp", "company": NAME, "query_attempts": 1, **changes}
    return DynamicsGpSettings.model_validate(values)


def journal(reference: str = "EXP R00AbC", *lines: Line, **changes: Any) -> Draft:
    """125.40 of travel in cost centre 100 against reimbursements payable, unless other lines are given."""
    values: dict[str, Any] = {
        "key": "R00AbC",
        "reference": reference,
        "kind": "journal",
        "currency": "USD",
        "approval_date": DAY,
        "posting_date": DAY,
        "description": "Expensify R00AbC",
        "lines": lines
        or (
            Line(1, "100-6100-00", 12540, {"cost_center": "100"}, "Travel"),
            Line(2, "000-2150-00", -12540, {}, "Payable"),
        ),
    }
    return Draft(**{**values, **changes})


def fill(company: Company) -> Company:
    company.add_months(2026)
    for center in ("100", "200"):
        company.add_account(f"{center}-6100-00", "Travel")
        company.add_account(f"{center}-6200-00", "Meals")
        company.add_cost_center(center, f"Plant {center}")
    company.add_account("000-2150-00", "Reimbursements payable")
    company.add_account("000-9000-00", "Headcount", type="Unit")
    return company


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(DynamicsGp()) as running:
        gp = running.service(DynamicsGp)
        gp.now = lambda: NOW
        gp.door.add(WindowsAccount(LOGIN, PASSWORD, upn="svc_expense@fabrikam.example"))
        yield running


@pytest.fixture
def gp(box: Sandbox) -> DynamicsGp:
    return box.service(DynamicsGp)


@pytest.fixture
def company(gp: DynamicsGp) -> Company:
    gp.add_company(Company(1, "Another Company"))
    return fill(gp.add_company(Company(3, NAME)))


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    file = tmp_path / "fiscal.csv"
    file.write_text(CALENDAR)
    return file


Connect = Callable[..., DynamicsGpErp]


@pytest.fixture
def connect(box: Sandbox, company: Company, calendar: Path) -> Iterator[Connect]:
    """Opens clients of the sandbox; settings by keyword, log-on apart from them."""
    with ExitStack() as stack:

        def open_client(
            *,
            timeout: float = 5,
            login: str = LOGIN,
            password: str = PASSWORD,
            auth: Any = "ntlm",
            refused_before: Any = None,
            shared: Any = None,
            clock: Any = lambda: NOW,
            **changes: Any,
        ) -> DynamicsGpErp:
            if changes.get("api", "soap") == "soap":
                changes = {"fiscal_calendar": str(calendar), **changes}
            client = DynamicsGpErp(
                box.url,
                login,
                password,
                auth=auth,
                settings=settings(**changes),
                request_timeout_s=timeout,
                refused_before=refused_before,
                shared=shared,
                clock=clock,
            )
            return stack.enter_context(client)

        yield open_client


@pytest.fixture(params=["soap", "sba"])
def api(request: pytest.FixtureRequest) -> str:
    return str(request.param)
