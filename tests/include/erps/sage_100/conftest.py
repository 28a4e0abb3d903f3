import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from typing import Any

import pytest

from include.erps.port import Draft, Line
from include.erps.sage_100.channel import Credentials
from include.erps.sage_100.client import Sage100Erp
from include.erps.sage_100.settings import Sage100Settings
from include.sandbox.sage_100 import Company, Sage100, User
from include.sandbox.server import Sandbox

PASSWORD = "pa ss:&é<%"
KEY = "agent-key-1"
DAY = date(2026, 11, 20)
PAIR = Credentials("exp", PASSWORD, KEY)
CREATE = {"agent": "agent:CreateEntry", "soap": "soap:CreateGLJournalEntry"}
FIND = {"agent": "agent:FindEntries", "soap": "soap:GetGLJournalEntries"}


def settings(**changes: Any) -> Sage100Settings:
    base = {"type": "sage_100", "connection": "sage", "pool": "sage", "company": "ABC", "retry_base_s": 0}
    return Sage100Settings.model_validate({**base, **changes})


def journal(reference: str = "R00AbCdEfGh", *lines: Line, **changes: Any) -> Draft:
    """125.40 of travel against reimbursements payable, unless other lines are given."""
    values: dict[str, Any] = {
        "key": reference,
        "reference": reference,
        "kind": "journal",
        "currency": "USD",
        "approval_date": DAY,
        "posting_date": DAY,
        "description": "Expensify report, J. Doe",
        "lines": lines or (Line(1, "600-01-00", 12540, {}, "Taxi"), Line(2, "200-00-00", -12540, {}, "Payable")),
        "report_ids": (reference,),
    }
    return Draft(**{**values, **changes})


@pytest.fixture
def server() -> Sage100:
    sage = Sage100()
    sage.api_keys.add(KEY)
    sage.add_user(User("EXP", PASSWORD))
    return sage


@pytest.fixture
def box(server: Sage100) -> Iterator[Sandbox]:
    with Sandbox(server) as running:
        yield running


@pytest.fixture
def company(server: Sage100) -> Company:
    known = server.add_company(Company("ABC", "ABC Distribution"))
    known.add_account("600-01-00", "Travel, Sales")
    known.add_account("600-02-00", "Travel, Service")
    known.add_account("610-01-00", "Meals, Sales")
    known.add_account("200-00-00", "Reimbursements payable", type="05")
    known.add_year(2026)
    return known


@pytest.fixture(params=["agent", "soap"])
def api(request: pytest.FixtureRequest) -> str:
    return str(request.param)


Connect = Callable[..., Sage100Erp]


@pytest.fixture
def connect(box: Sandbox, company: Company, api: str) -> Iterator[Connect]:
    """Opens clients of the sandbox; settings by keyword, the rest apart from them."""
    with ExitStack() as stack:

        def open_client(
            *,
            timeout: float = 5,
            credentials: Credentials = PAIR,
            reread: Callable[[], Credentials] | None = None,
            sleep: Callable[[float], None] = lambda seconds: None,
            shared: Any = None,
            clock: Any = time.time,
            monotonic: Callable[[], float] = time.monotonic,
            **changes: Any,
        ) -> Sage100Erp:
            known = settings(**{"api": api, **changes})
            client = Sage100Erp(
                box.url,
                credentials,
                settings=known,
                request_timeout_s=timeout,
                reread=reread,
                sleep=sleep,
                shared=shared,
                clock=clock,
                monotonic=monotonic,
            )
            return stack.enter_context(client)

        yield open_client
