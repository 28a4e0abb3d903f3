import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from typing import Any

import pytest

from include.erps.port import AP_ACCOUNT, Draft, Line
from include.erps.syspro.client import SysproErp
from include.erps.syspro.settings import SysproSettings
from include.sandbox.server import Sandbox
from include.sandbox.syspro import Company, Operator

PASSWORD = "pa ss+&%/é"
DAY = date(2026, 11, 20)


def settings(**changes: Any) -> SysproSettings:
    return SysproSettings.model_validate({"type": "syspro", "connection": "syspro", "pool": "syspro", **changes})


def journal(reference: str = "EXP-20261120-1", *lines: Line, **changes: Any) -> Draft:
    """125.40 of travel against reimbursements payable, unless other lines are given."""
    values: dict[str, Any] = {
        "key": "20261120-1",
        "reference": reference,
        "kind": "journal",
        "currency": "USD",
        "approval_date": DAY,
        "posting_date": DAY,
        "description": "Expensify 2026-11-20",
        "lines": lines or (Line(1, "6100-100", 12540, {}, "Travel"), Line(2, "2150-00", -12540, {}, "Payable")),
        "details": {"year": 2026, "period": 11},
    }
    return Draft(**{**values, **changes})


def bill(reference: str = "EXP-R1", *sent: Line, **changes: Any) -> Draft:
    sent = sent or (Line(1, "6100-100", 12540, {}, "Travel"),)
    lines = (*sent, Line(len(sent) + 1, AP_ACCOUNT, -sum(line.amount_cents for line in sent)))
    return journal(reference, *lines, kind="bill", **changes)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox() as running:
        running.syspro.today = lambda: date(2026, 11, 21)
        running.syspro.add_operator(Operator("ROBOT", PASSWORD))
        yield running


@pytest.fixture
def company(box: Sandbox) -> Company:
    known = box.syspro.add_company(Company("EDU1", year=2026, period=11, first_number=412))
    known.add_account("6100-100", "Travel")
    known.add_account("6200-100", "Meals")
    known.add_account("2150-00", "Reimbursements payable", type="L")
    known.add_account("2100-00", "Payables control", type="L", control=True)
    known.add_supplier("101", "Employees")
    return known


@pytest.fixture
def connect(box: Sandbox, company: Company) -> Iterator[Callable[..., SysproErp]]:
    """Opens clients of the sandbox; settings by keyword, ``monotonic`` and ``timeout`` apart from them."""
    with ExitStack() as stack:

        def open_client(
            *,
            timeout: float = 5,
            password: str = PASSWORD,
            monotonic: Any = None,
            shared: Any = None,
            clock: Any = time.time,
            **changes: Any,
        ) -> SysproErp:
            timing = {} if monotonic is None else {"monotonic": monotonic}
            client = SysproErp(
                box.url,
                "ROBOT",
                password,
                "EDU1",
                settings=settings(**changes),
                request_timeout_s=timeout,
                shared=shared,
                clock=clock,
                **timing,
            )
            return stack.enter_context(client)

        yield open_client
