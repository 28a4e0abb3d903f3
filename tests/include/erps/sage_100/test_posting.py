"""The ledger's protocol over the Sage 100 client: locks, lost answers and late writes end in one entry."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from include.accounting.reports import ExpenseFacts, ReportFacts
from include.errors import Rejected, Retryable, UnknownOutcome
from include.ledger import checking, claims, tables
from include.ledger.database import Ledger
from include.ledger.journals import Actor, Scope
from include.ledger.plan import Reading
from include.ledger.posting import Poster
from include.sandbox.faults import Drop, Fault, LateEffect, Status
from include.sandbox.sage_100 import Company
from include.sandbox.server import Sandbox
from include.settings.tenant import tenant_from
from tests.include.erps.sage_100.conftest import CREATE, DAY, Connect

ACTOR = Actor("expenses__sage", "run-1", "load", 0, 1)
SCOPE = Scope("sage", "sage_100://sage/ABC", ("sage",))
TENANT = """
schedule: "0 6 * * *"
timezone: America/New_York
start_date: 2026-11-01
expensify: {connection: expensify, mark_exported: sage}
erp: {type: sage_100, connection: sage, pool: sage, company: ABC}
posting: {currency: USD, credit: {reimbursable: "200-0-0", company_card: "200-0-0"}}
mapping:
  gl_account: {values: {"Travel": "600", "Meals": "610"}}
  dimensions: {cost_center: {tag: 1, required: true, values: {"Sales": "1", "Service": "2"}}}
"""


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 6, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        opened.create_if_missing()
        yield opened


def expense(number: int, cents: int, category: str, center: str) -> ExpenseFacts:
    facts: dict[str, Any] = {
        "original_cents": cents,
        "currency": "USD",
        "tags": ((center, None),),
        "category": category,
    }
    return ExpenseFacts(f"T{number}", cents, **facts)


Post = Callable[[], Any]


@pytest.fixture
def claimed(ledger: Ledger, clock: Clock, connect: Connect) -> Callable[..., Post]:
    """Claims and checks one report; the result posts its journal, each call like another try of the task."""

    def claim(*expenses: ExpenseFacts) -> Post:
        tenant = tenant_from(yaml.safe_load(TENANT), "sage", Path())
        report = ReportFacts(
            "R00AbC",
            status="APPROVED",
            currency="USD",
            total_cents=sum(one.amount_cents or 0 for one in expenses),
            approved_day=DAY,
            approved_at=datetime(2026, 11, 20, 18, tzinfo=UTC),
            extracted_at=clock(),
            expenses=list(expenses),
        )
        reading = Reading(
            read={"R00AbC": report}, wanted=frozenset({"R00AbC"}), absent=frozenset(), extracted_at=clock()
        )
        claims.claim(ledger, SCOPE, tenant, reading, date(2026, 11, 21), ACTOR, None, clock=clock)
        clock.advance(1)
        checking.check(ledger, SCOPE, tenant, ["R00AbC"], connect(), ACTOR, clock)

        def post() -> Any:
            client = connect(timeout=1)
            poster = Poster(
                ledger, SCOPE, lambda: client, request_timeout_s=1, settle_s=30, actor=ACTOR, clock=clock,
                monotonic=lambda: clock().timestamp(),
            )  # fmt: skip
            return poster.post("R00AbC")

        return post

    return claim


def state(ledger: Ledger) -> str:
    with ledger.read() as connection:
        return str(connection.execute(sa.select(tables.journal.c.state)).scalar_one())


GOOD = (expense(1, 12540, "Travel", "Sales"), expense(2, 1999, "Meals", "Sales"))


def test_one_entry_per_report_under_its_own_reference(
    claimed: Callable[..., Post], ledger: Ledger, company: Company
) -> None:
    posted = claimed(*GOOD)()
    assert (posted.state, posted.document_number, posted.total_debit_cents) == ("posted", "000001", 14539)
    (entry,) = company.entries
    assert (entry.reference, entry.date) == ("R00AbC", DAY)
    assert sorted((line.account, line.debit_cents, line.credit_cents) for line in entry.lines) == [
        ("200-00-00", 0, 14539),
        ("600-01-00", 12540, 0),
        ("610-01-00", 1999, 0),
    ]


def test_a_missing_combination_is_held(claimed: Callable[..., Post], ledger: Ledger, company: Company) -> None:
    claimed(expense(1, 100, "Meals", "Service"))
    assert state(ledger) == "held"
    assert company.entries == []


def test_a_lock_to_the_end_posts_nothing_and_a_clear_posts_once(
    claimed: Callable[..., Post], ledger: Ledger, company: Company, clock: Clock
) -> None:
    post = claimed(*GOOD)
    company.locks = -1
    for _ in range(6):
        with pytest.raises(Retryable, match=r"open in Sage.*then clear this task.*nothing was posted") as caught:
            post()
        assert caught.value.delay_s is not None
        clock.advance(caught.value.delay_s)
    assert (state(ledger), company.entries) == ("ready", [])
    company.locks = 0
    assert post().document_number == "000001"
    assert post().document_number == "000001"
    assert len(company.entries) == 1


@pytest.mark.parametrize("effect", [True, False], ids=["written", "not written"])
def test_a_lost_answer_is_looked_up_twice_before_anything_is_sent_again(
    claimed: Callable[..., Post], box: Sandbox, company: Company, clock: Clock, api: str, effect: bool
) -> None:
    post = claimed(*GOOD)
    box.faults.add(Fault("sage_100", CREATE[api], Drop(), when="after" if effect else "before"))
    tries = 0
    while True:
        try:
            posted = post()
            break
        except Retryable as error:
            tries += 1
            clock.advance((error.delay_s or 0) + 1)
    assert posted.document_number == "000001"
    assert len(company.entries) == 1
    assert box.operations("sage_100").count(CREATE[api]) == (1 if effect else 2)
    assert tries == (1 if effect else 2)


def test_a_write_that_comes_late_is_found(
    claimed: Callable[..., Post], box: Sandbox, company: Company, clock: Clock, api: str
) -> None:
    post = claimed(*GOOD)
    box.faults.add(Fault("sage_100", CREATE[api], LateEffect(0.2)))
    with pytest.raises(UnknownOutcome) as caught:
        post()
    while not company.entries:
        assert box.operations("sage_100").count(CREATE[api]) == 1
    clock.advance((caught.value.delay_s or 0) + 1)
    assert post().document_number == "000001"
    assert len(company.entries) == 1


def test_a_refusal_is_final(claimed: Callable[..., Post], box: Sandbox, ledger: Ledger, api: str) -> None:
    post = claimed(*GOOD)
    box.faults.add(Fault("sage_100", CREATE[api], Status(413, "")))
    with pytest.raises(Rejected, match="refused the journal"):
        post()
    assert state(ledger) == "rejected"
