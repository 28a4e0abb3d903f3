"""From Expensify to SYSPRO over real sockets, without Airflow: 2,000 reports full of what goes wrong in real ones."""

from __future__ import annotations

import io
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.accounting.window import window_of
from include.erps.syspro.client import SysproErp
from include.expensify.client import ExpensifyClient
from include.expensify.extraction import extract, queries_for_window
from include.ledger import checking, claims, journals, runs
from include.ledger.database import Ledger
from include.ledger.journals import Actor, Scope
from include.ledger.posting import Poster
from include.ledger.reading import reading_of
from include.ledger.runs import Run, RunKey
from include.sandbox.expensify import Expensify, Policy, RateLimits
from include.sandbox.server import Sandbox
from include.sandbox.syspro import Company, Operator, Syspro
from include.settings.tenant import tenant_from
from include.transport import HttpClient
from tests.include.erps.shared_state import Unlimited

REPORTS = 2000
FIRST_DAY = date(2026, 11, 2)
LAST_DAY = date(2026, 11, 13)
CATEGORIES = {
    "Meals": "6100",
    "Air & rail <fare>": "6200",
    'Hotel "Zur Post"': "6300",
    "Büro\\material": "6400",
    "${not.a.template}": "6500",
    "Кофе ☕": "6600",
}
PLANTS = {"Plant 1": "P1", "Plant: 2": "P2", "Größe, 3": "P3"}
MERCHANTS = ["O'Neil & Söhne", 'Bar "21"', "Line\nbreak", "Tab\there", "<script>", "東京カフェ", "🍕🍕", "a" * 200, ""]


@dataclass
class Books:
    """What must be in the ledger, counted while the data is made: cents by day and account, debit positive."""

    by_day: dict[date, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    expenses: int = 0


def make_reports(books: Books) -> Iterator[dict[str, Any]]:
    chance = random.Random(20261113)
    next_id = 4_056_343_049_275_000_000
    for number in range(REPORTS):
        day = FIRST_DAY + timedelta(days=chance.randrange((LAST_DAY - FIRST_DAY).days + 1))
        lines = []
        total = 0
        for _ in range(chance.choice([1, 1, 2, 3, 5, 12])):
            next_id += 1
            cents = chance.choice([1, 99, 1234567, -500, 0, chance.randrange(1, 200_000)])
            category = chance.choice(list(CATEGORIES))
            plant = chance.choice(list(PLANTS))
            is_card = chance.random() < 0.3
            line: dict[str, Any] = {
                "transactionID": str(next_id),
                "merchant": chance.choice(MERCHANTS),
                "amount": cents,
                "currency": "USD",
                "created": f"{day:%Y-%m-%d}",
                "category": f" {category} ",
                "tag": plant.replace(":", "\\:"),
                "ntag1": plant,
                "reimbursable": False if is_card else chance.choice([True, None]),
                "bank": "Amex Corp" if is_card else "",
                "comment": 'quote " backslash \\ newline \n ${x} <#if>',
            }
            shape = chance.random()
            if shape < 0.15:
                line |= {"amount": cents + 777, "modifiedAmount": cents or None}
                if not cents:
                    line["amount"] = 0
            elif shape < 0.25 and cents:
                line |= {"currency": "EUR", "amount": cents * 2 + 1, "convertedAmount": cents}
            elif shape < 0.3:
                line |= {"modifiedAmount": "", "convertedAmount": 0}
            lines.append(line)
            total += cents
            books.expenses += 1
            account = f"{CATEGORIES[category]}-{PLANTS[plant]}"
            books.by_day[day][account] += cents
            books.by_day[day]["2160-00" if is_card else "2150-00"] -= cents
        yield {
            "reportID": f"R{number:06d}",
            "reportName": chance.choice(["Trip", "", 'Ünï ☃ "q" <b>', "${r}"]),
            "status": chance.choice(["Approved", "Reimbursed"]),
            "accountEmail": f"person{number % 40}@x.example",
            "created": f"{day - timedelta(days=3):%Y-%m-%d}",
            "submitted": f"{day - timedelta(days=2):%Y-%m-%d}",
            # 18:00 UTC is noon in Chicago: the approval day is the same in both zones.
            "approved": f"{day:%Y-%m-%d} 18:00:00",
            "currency": "USD",
            "total": total,
            "policyID": "A1",
            "policyName": "Nasty & Co",
            "transactionList": lines,
        }


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    expensify = Expensify()
    expensify.credentials["aa_nasty"] = "nasty-secret"
    expensify.policies["A1"] = Policy("A1", "Nasty & Co", categories=[], tags=[], employees=[])
    expensify.limits = RateLimits(windows=())
    expensify.batch_size = 137
    syspro = Syspro()
    syspro.add_operator(Operator("ROBOT", "robot-secret"))
    company = syspro.add_company(Company("EDU1", year=2026, period=11))
    for code in ["2150-00", "2160-00", *(f"{gl}-{cc}" for gl in CATEGORIES.values() for cc in PLANTS.values())]:
        company.add_account(code, code)
    with Sandbox(expensify=expensify, syspro=syspro) as running:
        yield running


def tenant_content() -> dict[str, Any]:
    return {
        "schedule": "0 6 * * *",
        "timezone": "America/Chicago",
        "start_date": FIRST_DAY,
        "expensify": {"connection": "e", "policies": ["A1"]},
        "erp": {"type": "syspro", "connection": "s", "pool": "s"},
        "posting": {"currency": "USD", "credit": {"reimbursable": "2150-00", "company_card": "2160-00"}},
        "mapping": {
            "gl_account": {"values": dict(CATEGORIES)},
            "dimensions": {"cost_center": {"tag": 1, "required": True, "values": dict(PLANTS)}},
        },
    }


def test_two_thousand_nasty_reports_post_to_the_cent(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    books = Books()
    for report in make_reports(books):
        sandbox.expensify.add_report(report)
    tenant = tenant_from(tenant_content(), "nasty", tmp_path)
    scope = Scope(tenant.name, "syspro://sandbox/EDU1", tenant.names)
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.create_if_missing()
    window = window_of(tenant, first_day=FIRST_DAY, last_day=LAST_DAY, now=datetime(2026, 11, 14, tzinfo=UTC))
    run = RunKey("expenses__nasty", "manual__1")
    with ledger.write() as connection:
        runs.register(connection, scope, Run(run, "range", window, False), datetime.now(UTC))

    export = io.BytesIO()
    with ExpensifyClient(HttpClient(sandbox.url), "aa_nasty", "nasty-secret", Unlimited()) as client:
        extract(client, queries_for_window(FIRST_DAY, LAST_DAY, ["APPROVED", "REIMBURSED"], ["A1"]), export, {})
    export.seek(0)
    reading = reading_of(export, tenant, window=window)
    claimed = claims.claim(ledger, scope, tenant, reading, LAST_DAY, Actor(), run)
    open_erp: Callable[[], SysproErp] = lambda: SysproErp(  # noqa: E731
        sandbox.url,
        "ROBOT",
        "robot-secret",
        "EDU1",
        settings=tenant.erp,  # type: ignore[arg-type]
    )
    with open_erp() as erp:
        checking.check(ledger, scope, tenant, claimed.fresh, erp, Actor())
        poster = Poster(ledger, scope, lambda: erp, request_timeout_s=60, settle_s=1, actor=Actor())
        for key in claimed.fresh:
            poster.post(key)

    booked: dict[date, dict[str, int]] = {}
    company = sandbox.syspro.company("EDU1")
    for journal in company.journals:
        accounts: dict[str, int] = defaultdict(int)
        for line in journal.lines:
            accounts[line.ledger_code] += line.cents
        assert sum(accounts.values()) == 0
        assert journal.date not in booked, "one journal a day"
        booked[journal.date] = dict(accounts)
    expected = {
        day: {account: cents for account, cents in accounts.items() if cents} for day, accounts in books.by_day.items()
    }
    assert booked == expected
    with ledger.read() as connection:
        posted = journals.fetch(connection, scope, claimed.fresh).values()
        count = connection.exec_driver_sql("SELECT count(*) FROM expense").scalar_one()
    assert {journal.state for journal in posted} == {"posted"}
    assert count == books.expenses
