from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from typing import Any

import pytest

from include.erps.ifs_cloud.client import IfsCloudErp
from include.erps.ifs_cloud.settings import IfsCloudSettings
from include.erps.port import Draft, Line
from include.sandbox.ifs_cloud import Client, Company, IfsCloud
from include.sandbox.server import Sandbox
from tests.include.erps.shared_state import Budget, Tokens

SECRET = "s3cr+t &%/é"
DAY = date(2026, 11, 20)
TOKEN_PATH = "/auth/realms/acme1/protocol/openid-connect/token"


def settings(**changes: Any) -> IfsCloudSettings:
    values = {"type": "ifs_cloud", "connection": "ifs", "company": "10", "back_off_s": 0.0, **changes}
    return IfsCloudSettings.model_validate(values)


def journal(reference: str = "R00AbC", *lines: Line, **changes: Any) -> Draft:
    """120.50 of taxis on cost centre 100 and project P1001 against the accrual account, unless other lines are given."""
    dimensions = {"cost_center": "100", "project": "P1001"}
    values: dict[str, Any] = {
        "key": reference,
        "reference": reference,
        "kind": "journal",
        "currency": "USD",
        "approval_date": DAY,
        "posting_date": DAY,
        "description": "Expensify R00AbC Jane Doe",
        "lines": lines or (Line(1, "4010", 12050, dimensions, "Taxi"), Line(2, "2410", -12050, {}, "Accrual")),
    }
    return Draft(**{**values, **changes})


@pytest.fixture
def ifs() -> IfsCloud:
    server = IfsCloud()
    server.today = lambda: date(2026, 11, 21)
    server.add_client(Client("expensify", SECRET, {"10"}))
    return server


@pytest.fixture
def box(ifs: IfsCloud) -> Iterator[Sandbox]:
    with Sandbox(ifs) as running:
        yield running


@pytest.fixture
def company(ifs: IfsCloud) -> Company:
    known = ifs.add_company(Company("10", "Acme Field Services"))
    known.add_account("4010", "Travel", {"B": "Mandatory"})
    known.add_account("4020", "Meals")
    known.add_account("2410", "Accrued expenses", {"B": "Blocked", "C": "Blocked"})
    known.add_code("B", "100", "Service north")
    known.add_code("B", "200", "Service south")
    known.add_code("C", "P1001", "Turbine overhaul")
    known.add_year(2026, open_months=(10, 11, 12))
    return known


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def budget() -> Budget:
    return Budget()


@pytest.fixture
def connect(box: Sandbox, company: Company, tokens: Tokens, budget: Budget) -> Iterator[Callable[..., IfsCloudErp]]:
    """Opens clients of the sandbox; settings by keyword, ``timeout``, ``secret``, ``token_path`` and ``now`` apart."""
    with ExitStack() as stack:

        def open_client(
            *, timeout: float = 5, secret: str = SECRET, token_path: str = TOKEN_PATH, now: Any = None, **changes: Any
        ) -> IfsCloudErp:
            clock = {} if now is None else {"now": now}
            client = IfsCloudErp(
                box.url,
                "expensify",
                secret,
                token_path=token_path,
                settings=settings(**changes),
                tokens=tokens,
                budget=budget,
                request_timeout_s=timeout,
                **clock,
            )
            return stack.enter_context(client)

        yield open_client
