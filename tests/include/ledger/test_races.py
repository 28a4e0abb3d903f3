"""Two processes in one ledger: what one has read is compared before it writes."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from include.errors import Retryable
from include.ledger import claims, runs
from include.ledger.database import Ledger
from tests.include.ledger.company import Company, expense, report
from tests.include.ledger.fake_erp import FakeErp

NewCompany = Callable[..., Company]


def claim_window(url: str, first: int, last: int, start: Any, settings: dict[str, Any]) -> None:
    with Ledger(url) as ledger:
        company = Company(ledger, **settings)
        start.wait()
        company.claim(*(report(f"R{number:02}", expense(f"{number}")) for number in range(first, last)))


@pytest.mark.parametrize("tenants", ["same", "different"])
def test_processes_that_claim_overlapping_windows_book_each_expense_once(company: Company, tenants: str) -> None:
    other = {} if tenants == "same" else {"name": "second", "posting": {"reference_prefix": "TWO"}}
    url = company.ledger.url.render_as_string(hide_password=False)
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(2)
    processes = [
        fork.Process(target=claim_window, args=(url, 0, 20, start, {})),
        fork.Process(target=claim_window, args=(url, 10, 30, start, other)),
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    second = Company(company.ledger, clock=company.clock, **other)  # type: ignore[arg-type]
    companies = [company] if tenants == "same" else [company, second]
    booked = [number for one in companies for numbers in one.booked().values() for number in numbers]
    assert sorted(booked, key=int) == [str(number) for number in range(30)]
    held = 0
    for one in companies:
        one.check()
        held += sum(len(one.journal(key).reasons) for key, state in one.states().items() if state == "held")
    assert held == (0 if tenants == "same" else 10)


def test_threads_that_claim_the_same_reports_make_one_journal(company: Company) -> None:
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        company.claim(report("R1"), report("R2"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert company.booked() == {"20261120-1": ["R1-x", "R2-x"]}


def test_a_journal_that_changes_while_it_is_checked_stays_drafted(company: Company) -> None:
    company.claim(report("R1", expense("1", 1000)))

    class Slow(FakeErp):
        def check(self, drafts: Any) -> Any:
            company.claim(report("R1", expense("1", 700)))
            return super().check(drafts)

    company.check(erp=Slow())
    assert company.states() == {"20261120-1": "drafted"}
    company.check()
    assert company.journal("20261120-1").draft().total_debit_cents == 700


@pytest.mark.parametrize("is_checked", [True, False], ids=["held", "drafted"])
def test_deriving_again_does_not_bring_back_what_a_claim_moved_away(
    company: Company, monkeypatch: pytest.MonkeyPatch, is_checked: bool
) -> None:
    """An expense moves from one journal to another between the reading and the writing of the derivation."""
    company.claim(report("R1", expense("1"), expense("2", category="Unknown")))
    company.claim(report("R2", expense("3")))
    if is_checked:
        company.check()
    original = claims.derive_contents
    raced: list[bool] = []

    def derive(*arguments: Any) -> Any:
        outcomes = original(*arguments)
        if not raced:
            raced.append(True)
            company.claim(report("R1", expense("1")), report("R2", expense("3"), expense("2", category="Unknown")))
        return outcomes

    monkeypatch.setattr(claims, "derive_contents", derive)
    company.derive_again("20261120-1")
    assert company.booked() == {"20261120-1": ["1"], "20261120-2": ["2", "3"]}
    assert company.lines("20261120-1") == [("6100", 1000), ("2150", -1000)]


def test_a_claim_that_meets_a_posting_leaves_the_posting_alone(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.claim(report("R1", expense("1", 1000)))
    company.check()
    erp = FakeErp()
    original = claims.derive_contents

    def derive(*arguments: Any) -> Any:
        outcomes = original(*arguments)
        company.poster(erp).post("20261120-1")
        return outcomes

    monkeypatch.setattr(claims, "derive_contents", derive)
    company.claim(report("R1", expense("1", 700)))
    assert company.states() == {"20261120-1": "posted"}
    assert company.lines("20261120-1") == [("6100", 1000), ("2150", -1000)]
    assert company.findings() == [("changed_after_posting", "R1", "20261120-1")]


def test_a_claim_that_is_always_overtaken_gives_up_and_writes_nothing(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = claims.derive_contents
    others = iter(range(1000))

    def derive(*arguments: Any) -> Any:
        outcomes = original(*arguments)
        with monkeypatch.context() as calm:
            calm.setattr(claims, "derive_contents", original)
            number = next(others)
            company.claim(report(f"R{number}", day=date(2026, 11, 1 + number % 28)))
        return outcomes

    with monkeypatch.context() as busy:
        busy.setattr(claims, "derive_contents", derive)
        with pytest.raises(Retryable, match="nothing was written"):
            company.claim(report("R999", expense("x")))
    assert "x" not in [number for numbers in company.booked().values() for number in numbers]


def append_keys(url: str, key: runs.RunKey, scope: Any, name: str, start: Any) -> None:
    with Ledger(url) as ledger:
        start.wait()
        for number in range(10):
            with ledger.write() as connection:
                runs.append(connection, scope, key, [f"{name}{number}", f"both{number}"])


def test_processes_that_append_to_one_run_never_take_the_same_position(company: Company) -> None:
    key = company.begin_run()
    url = company.ledger.url.render_as_string(hide_password=False)
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(2)
    processes = [fork.Process(target=append_keys, args=(url, key, company.scope, name, start)) for name in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    with company.ledger.read() as connection:
        listed = runs.keys(connection, key)
    assert len(listed) == len(set(listed)) == 30
