"""Token, budget and template under tasks that run at the same time, on the real ledger."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, MultiFernet

from include.erps.ifs_cloud.client import IfsCloudErp
from include.errors import NotExecuted
from include.ledger.database import Ledger
from include.ledger.limiter import Budget, Limit
from include.ledger.token_store import LedgerTokens
from include.sandbox.ifs_cloud import Company, IfsCloud
from include.sandbox.server import Sandbox
from tests.include.erps.ifs_cloud.conftest import SECRET, TOKEN_PATH, journal, settings

TASKS = 8


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    known = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    known.create_if_missing()
    return known


@pytest.fixture
def open_task(box: Sandbox, ledger: Ledger) -> Callable[..., IfsCloudErp]:
    keys = MultiFernet([Fernet(Fernet.generate_key())])

    def open_client(*limits: Limit) -> IfsCloudErp:
        return IfsCloudErp(
            box.url,
            "expensify",
            SECRET,
            token_path=TOKEN_PATH,
            settings=settings(),
            tokens=LedgerTokens(ledger, keys),
            budget=Budget(ledger, "ifs_cloud:test", limits or (Limit(900, 60),), slack_s=0),
        )

    return open_client


def post(erp: IfsCloudErp, reference: str) -> None:
    """The engine's order: never a create but after a look-up."""
    draft = journal(reference)
    with erp:
        while not erp.find(draft):
            try:
                erp.create(draft, lambda _: None)
            except NotExecuted:
                continue
            break


def test_tasks_that_meet_on_the_template_post_each_journal_once_with_one_token(
    open_task: Callable[..., IfsCloudErp], ifs: IfsCloud, company: Company
) -> None:
    start = threading.Barrier(TASKS)

    def task(number: int) -> None:
        start.wait()
        post(open_task(), f"R{number}")

    with ThreadPoolExecutor(TASKS) as pool:
        list(pool.map(task, range(TASKS)))
    assert sorted(str(one.rows[0].reference) for one in company.vouchers) == [f"R{number}" for number in range(TASKS)]
    assert sorted(one.number for one in company.vouchers) == [2026000001 + number for number in range(TASKS)]
    assert ifs.tokens.issued == 1


def test_the_budget_keeps_all_tasks_together_below_the_servers_limit(
    open_task: Callable[..., IfsCloudErp], ifs: IfsCloud, company: Company
) -> None:
    ifs.limit.requests, ifs.limit.seconds = 12, 1
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: post(open_task(Limit(8, 1)), f"R{number}"), range(4)))
    assert len(company.vouchers) == 4
    assert ifs.limit.refused == 0


def test_a_refusal_by_the_limit_makes_the_other_tasks_wait(
    open_task: Callable[..., IfsCloudErp], ifs: IfsCloud, company: Company
) -> None:
    ifs.limit.requests, ifs.limit.seconds = 6, 2
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda number: post(open_task(), f"R{number}"), range(3)))
    assert len(company.vouchers) == 3
    assert 0 < ifs.limit.refused < 12


def test_the_stored_token_cannot_be_read_in_the_database(
    open_task: Callable[..., IfsCloudErp], ifs: IfsCloud, company: Company, tmp_path: Path
) -> None:
    with open_task() as erp:
        erp.find(journal())
    (token,) = ifs.tokens.live
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("ledger.db*"))
    assert token.encode() not in stored
    assert SECRET.encode() not in stored
