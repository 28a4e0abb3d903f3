from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from include.erps.port import Problem
from include.errors import Retryable
from include.ledger import checking, tables
from tests.include.ledger.company import DAY, Company, expense, report
from tests.include.ledger.fake_erp import FakeErp

NewCompany = Callable[..., Company]
KEY = "20261120-1"
MISSING = Problem("account_missing", "6100", "Account 6100 does not exist", "Create it, then clear this task")


def test_a_good_journal_becomes_ready_with_what_the_erp_decided(company: Company) -> None:
    company.claim(report("R1"))
    company.check()
    journal = company.journal(KEY)
    assert journal.state == "ready"
    assert journal.draft().details == {"period": 11}
    assert company.moves(KEY) == [(None, "drafted"), ("drafted", "ready")]


def test_what_the_erp_has_against_it_holds_it_in_its_words(company: Company) -> None:
    company.claim(report("R1"))
    erp = FakeErp()
    erp.problems = {KEY: (MISSING,)}
    company.check(erp=erp)
    (reason,) = company.journal(KEY).reasons
    assert (reason.code, reason.subject, reason.report_id, reason.amount_cents) == (
        "account_missing",
        "6100",
        "R1",
        1000,
    )
    assert company.states() == {KEY: "held"}


def test_one_question_serves_all_journals(company: Company) -> None:
    company.claim(report("R1"), report("R2", day=date(2026, 11, 21)), report("R3", expense("3", category="Unknown")))
    erp = FakeErp()
    company.check(erp=erp)
    assert erp.calls == ["check"]


def test_journals_that_are_held_by_our_own_rules_are_not_asked_about(company: Company) -> None:
    company.claim(report("R1", expense("1", category="Unknown")))
    erp = FakeErp()
    company.check(erp=erp)
    assert erp.calls == []
    assert company.states() == {KEY: "held"}


def test_an_erp_that_cannot_be_asked_leaves_everything_drafted(company: Company) -> None:
    company.claim(report("R1"), report("R2", expense("2", category="Unknown"), day=date(2026, 11, 21)))
    erp = FakeErp()
    erp.fails_check = Retryable("no answer")
    with pytest.raises(Retryable):
        company.check(erp=erp)
    assert set(company.states().values()) == {"drafted"}


@pytest.mark.parametrize("state", ["held", "ready", "posted", "closed"])
def test_other_states_are_left_alone(company: Company, state: str) -> None:
    company.claim(report("R1"))
    with company.ledger.write() as connection:
        connection.execute(tables.journal.update().values(state=state))
    erp = FakeErp()
    company.check(erp=erp)
    assert erp.calls == []
    assert company.states() == {KEY: state}


def test_a_closed_period_holds_by_default(company: Company) -> None:
    company.claim(report("R1"))
    erp = FakeErp()
    erp.closed_until = date(2026, 11, 30)
    company.check(erp=erp)
    assert company.reasons(KEY) == ["period_closed"]


def test_a_closed_period_moves_to_the_next_open_day_and_both_dates_are_kept(new_company: NewCompany) -> None:
    company = new_company(posting={"closed_period": "next_open"})
    company.claim(report("R1"))
    erp = FakeErp()
    erp.closed_until = date(2026, 11, 30)
    company.check(erp=erp)
    (row,) = company.rows(tables.journal)
    assert (row["state"], row["approval_date"], row["first_posting_date"], row["posting_date"]) == (
        "ready", DAY, DAY, date(2026, 12, 1),
    )  # fmt: skip
    draft = company.journal(KEY).draft()
    assert (draft.approval_date, draft.posting_date, draft.details) == (DAY, date(2026, 12, 1), {"period": 12})
    # Decided once: what is posted later is what was decided, whatever has been opened since.
    company.poster(FakeErp()).post(KEY)
    assert company.journal(KEY).posting_date == date(2026, 12, 1)


def test_a_closed_period_with_another_problem_is_not_moved(new_company: NewCompany) -> None:
    company = new_company(posting={"closed_period": "next_open"})
    company.claim(report("R1"))
    erp = FakeErp()
    erp.closed_until = date(2026, 11, 30)
    erp.problems = {KEY: (MISSING,)}
    company.check(erp=erp)
    assert company.reasons(KEY) == ["account_missing", "period_closed"]
    assert company.journal(KEY).posting_date == DAY


def test_a_moved_journal_is_checked_again_in_its_new_period(new_company: NewCompany) -> None:
    company = new_company(posting={"closed_period": "next_open"})
    company.claim(report("R1"))

    class NoAccountInDecember(FakeErp):
        def _verdict(self, draft: object) -> object:  # type: ignore[override]
            verdict = super()._verdict(draft)  # type: ignore[arg-type]
            if verdict.draft.posting_date.month == 12:
                return type(verdict)(verdict.draft, (MISSING,))
            return verdict

    erp = NoAccountInDecember()
    erp.closed_until = date(2026, 11, 30)
    company.check(erp=erp)
    assert company.reasons(KEY) == ["account_missing"]


def test_no_open_period_at_all_is_held(new_company: NewCompany) -> None:
    company = new_company(posting={"closed_period": "next_open"})
    company.claim(report("R1"))
    erp = FakeErp()
    erp.closed_until = date(2026, 11, 30)
    erp.next_open_date = lambda draft: None  # type: ignore[method-assign]
    company.check(erp=erp)
    assert company.reasons(KEY) == ["period_closed"]


def test_a_dry_run_asks_and_writes_nothing(company: Company) -> None:
    company.claim(report("R1"))
    erp = FakeErp()
    erp.problems = {KEY: (MISSING,)}
    found = checking.reasons_of(company.tenant, [company.journal(KEY).draft()], erp)
    assert [reason.code for reason in found[KEY]] == ["account_missing"]
    assert company.states() == {KEY: "drafted"}
