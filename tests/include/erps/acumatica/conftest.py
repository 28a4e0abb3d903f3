from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from typing import Any

import pytest

from include.erps.acumatica.access import Credentials
from include.erps.acumatica.client import AcumaticaErp
from include.erps.acumatica.settings import AcumaticaSettings
from include.erps.port import AP_ACCOUNT, Draft, Line
from include.sandbox.acumatica import Acumatica, Books, User
from include.sandbox.server import Sandbox
from tests.include.erps.shared_state import Tokens

PASSWORD = "pa ss+&%/é"
SECRET = "client-secret-äß"
CLIENT_ID = "7a1f-44@Contoso"
DAY = date(2026, 10, 31)
PREFIX = "/entity/Default/24.200.001"


def settings(**changes: Any) -> AcumaticaSettings:
    values: dict[str, Any] = {
        "type": "acumatica",
        "connection": "acumatica",
        "vendor": "EMPLOYEES",
        "branch": "HQ",
        "read_attempts": 3,
        "retry_wait_s": 0.01,
        "release_poll_s": 0.01,
        **changes,
    }
    if values.get("document") == "journal" and "vendor" not in changes:
        del values["vendor"]
    return AcumaticaSettings.model_validate(values)


HO = {"cost_center": "000000"}


def bill(reference: str = "R00AbCd", *sent: Line, **changes: Any) -> Draft:
    """125.40 of travel, unless other lines are given; unchecked."""
    sent = sent or (Line(1, "62000", 12540, HO, "Taxi"),)
    lines = (*sent, Line(len(sent) + 1, AP_ACCOUNT, -sum(line.amount_cents for line in sent)))
    values: dict[str, Any] = {
        "key": reference,
        "reference": reference,
        "kind": "bill",
        "currency": "USD",
        "approval_date": DAY,
        "posting_date": DAY,
        "description": f"Expensify {reference}: October travel",
        "lines": lines,
        "report_ids": (reference,),
        "submitter_email": "dana@contoso.example",
    }
    return Draft(**{**values, **changes})


def journal(reference: str = "R00AbCd-C", *lines: Line, **changes: Any) -> Draft:
    lines = lines or (Line(1, "62000", 12540, HO, "Hotel"), Line(2, "20100", -12540, HO, "Company card"))
    return bill(reference, **{"lines": lines, "kind": "journal", **changes})


def checked(draft: Draft, **details: Any) -> Draft:
    from dataclasses import replace

    settled = {"vendor": "EMPLOYEES"} if draft.kind == "bill" else {"ledger": "ACTUAL"}
    return replace(draft, details={"period": f"{draft.posting_date:%m%Y}", **settled, **details})


@pytest.fixture
def site() -> Acumatica:
    known = Acumatica()
    known.doors.applications[CLIENT_ID] = SECRET
    known.doors.add_user(User("robot", PASSWORD))
    books = known.books
    books.today = lambda: date(2026, 11, 21)
    books.add_ledger("ACTUAL", "HQ", "WEST")
    books.add_ledger("BUDGET", "HQ", type="Budget")
    for year in (2025, 2026, 2027):
        books.add_year(year)
    books.add_account("62000", "Travel")
    books.add_account("62100", "Meals")
    books.add_account("20100", "Card payable", "Liability")
    books.add_subaccount("000000", "Default")
    books.add_subaccount("100000", "Plant")
    books.add_vendor("EMPLOYEES", "Employee expenses")
    books.add_employee("EP0001", "Dana Ortiz", "Dana@contoso.example")
    books.add_project("P100", "Retrofit", "Active", "01", "02")
    return known


@pytest.fixture
def box(site: Acumatica) -> Iterator[Sandbox]:
    with Sandbox(site) as running:
        yield running


@pytest.fixture
def books(site: Acumatica) -> Books:
    return site.books


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def connect(box: Sandbox, tokens: Tokens) -> Iterator[Callable[..., AcumaticaErp]]:
    """Opens clients of the sandbox that share one token store; settings by keyword, what is no setting apart.

    ``seen_open``: the period was seen open a moment ago.
    """
    with ExitStack() as stack:

        def open_client(
            *,
            password: str = PASSWORD,
            secret: str = SECRET,
            budget: Any = None,
            timeout: float = 5,
            clock: Any = None,
            wait: Any = None,
            seen_open: bool = True,
            **changes: Any,
        ) -> AcumaticaErp:
            own = {name: value for name, value in {"clock": clock, "wait": wait}.items() if value is not None}
            client = AcumaticaErp(
                box.url,
                Credentials("robot", password, CLIENT_ID, secret, "Contoso"),
                settings=settings(**changes),
                tokens=tokens,
                budget=budget,
                connection="acumatica",
                request_timeout_s=timeout,
                **own,
            )
            if seen_open:  # as a check of :func:`checked` drafts would have
                seen = [(f"{DAY:%m%Y}", kind) for kind in ("bill", "journal")]
                client._lookups.remember_open(seen, client._lookups.kept.now())
            return stack.enter_context(client)

        yield open_client
