"""Reports that the ledger knows: newer readings, claims held elsewhere, what leaves and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from include.accounting.reports import ReportFacts
from include.ledger import marks, tables
from tests.include.ledger.company import DAY, START, Company, expense, no_expenses, report
from tests.include.ledger.fake_erp import FakeErp
from tests.include.ledger.plain_erp import PlainErp

NEXT_DAY = date(2026, 11, 21)
NewCompany = Callable[..., Company]


def post(company: Company, *keys: str) -> None:
    company.check(*keys)
    for key in keys:
        company.poster(FakeErp()).post(key)


# --- an expense that somebody else has ---


def test_a_report_with_an_expense_of_another_report_is_held_whole_and_says_where_it_is(company: Company) -> None:
    company.claim(report("R1", expense("1")))
    company.claim(report("R2", expense("1"), expense("2")))
    company.check()
    assert company.states() == {"20261120-1": "ready", "20261120-2": "held"}
    assert company.booked() == {"20261120-1": ["1"]}
    (reason,) = company.journal("20261120-2").reasons
    assert (reason.code, reason.report_id) == ("not_claimed", "R2")
    assert "report R1 in journal 20261120-1" in reason.message


def test_an_expense_of_another_tenant_of_the_company_is_held_and_names_the_tenant(new_company: NewCompany) -> None:
    first, second = new_company(), new_company(name="second", posting={"reference_prefix": "TWO"})
    first.claim(report("R1", expense("1")))
    second.claim(report("R1", expense("1")))
    second.check()
    assert second.states() == {"20261120-1": "held"}
    assert "of tenant midwest" in second.journal("20261120-1").reasons[0].message
    assert first.booked() == {"20261120-1": ["1"]}
    assert second.booked() == {}


def test_another_company_may_book_the_same_expense(new_company: NewCompany) -> None:
    first, second = new_company(), new_company(name="second", target="plain:erp.example:TWO")
    first.claim(report("R1", expense("1")))
    second.claim(report("R1", expense("1")))
    assert first.booked() == second.booked() == {"20261120-1": ["1"]}


def test_two_new_reports_with_the_same_expense_hold_only_the_second_and_not_the_day(company: Company) -> None:
    company.claim(report("R1", expense("1")), report("R2", expense("1"), expense("2")), report("R3"))
    company.check()
    assert company.states() == {"20261120-1": "ready", "20261120-2": "held"}
    assert company.booked() == {"20261120-1": ["1", "R3-x"]}
    assert company.reasons("20261120-2") == ["not_claimed"]


def test_of_two_new_reports_the_one_that_is_claimed_first_has_the_shared_expense(company: Company) -> None:
    company.claim(report("R2", expense("1")), report("R9", day=NEXT_DAY), report("R1", expense("1"), day=NEXT_DAY))
    company.check()
    assert company.booked() == {"20261120-1": ["1"], "20261121-1": ["R9-x"]}
    assert company.states() == {"20261120-1": "ready", "20261121-1": "ready", "20261121-2": "held"}


def test_an_expense_that_stands_twice_in_its_report_is_held(company: Company) -> None:
    company.claim(report("R1", expense("1"), expense("1")), report("R2"))
    company.check()
    assert company.states() == {"20261120-1": "ready", "20261120-2": "held"}
    assert company.reasons("20261120-2") == ["not_claimed"]
    assert company.booked() == {"20261120-1": ["R2-x"]}


@pytest.mark.parametrize("order", [("R1", "R2"), ("R2", "R1")], ids=["forwards", "backwards"])
def test_an_expense_that_moved_between_two_reports_is_booked_once(company: Company, order: tuple[str, str]) -> None:
    source, sink = order
    company.claim(report(source, expense("1"), expense("2")))
    company.claim(report(sink, expense("3")))
    company.claim(report(source, expense("2")), report(sink, expense("3"), expense("1")))
    assert company.booked() == {"20261120-1": ["2"], "20261120-2": ["1", "3"]}
    company.check()
    assert set(company.states().values()) == {"ready"}


def test_whoever_has_the_expense_keeps_it_when_a_known_report_gets_it_too(company: Company) -> None:
    company.claim(report("R2", expense("1")))
    company.claim(report("R1", expense("2")))
    company.claim(report("R1", expense("2"), expense("1")), report("R2", expense("1")))
    company.check()
    assert company.booked() == {"20261120-1": ["1"]}
    assert company.states() == {"20261120-1": "ready", "20261120-2": "held"}


def test_a_held_claim_is_taken_up_once_the_other_report_gave_the_expense_back(company: Company) -> None:
    company.claim(report("R1", expense("1"), expense("2")))
    company.claim(report("R2", expense("1")))
    company.check()
    company.claim(report("R1", expense("2")), report("R2", expense("1")))
    company.check()
    assert company.booked() == {"20261120-1": ["2"], "20261120-2": ["1"]}
    assert company.states() == {"20261120-1": "ready", "20261120-2": "ready"}


def test_deriving_again_never_forgets_that_expenses_are_not_claimed(company: Company) -> None:
    company.claim(report("R1", expense("1")))
    company.claim(report("R2", expense("1")))
    for _ in range(2):
        company.derive_again("20261120-2")
        company.check()
        assert company.reasons("20261120-2") == ["not_claimed"]


# --- a newer reading ---


def test_a_newer_extract_replaces_what_is_not_frozen(company: Company) -> None:
    company.claim(report("R1", expense("1", 1000)))
    company.check()
    company.claim(report("R1", expense("1", 900), expense("2", 50, "Travel")))
    assert company.states() == {"20261120-1": "drafted"}
    assert company.lines("20261120-1") == [("6100", 900), ("6200", 50), ("2150", -950)]
    assert company.booked() == {"20261120-1": ["1", "2"]}


def test_an_older_extract_that_arrives_later_changes_nothing(company: Company) -> None:
    company.claim(report("R1", expense("1", 1000)))
    company.claim(report("R1", expense("1", 7)), at=START - timedelta(minutes=5))
    assert company.lines("20261120-1") == [("6100", 1000), ("2150", -1000)]


def test_a_report_counts_as_read_when_its_own_part_of_the_export_was_started(company: Company) -> None:
    """An archive has parts; that a later one is newer does not make the earlier one newer."""
    company.clock.advance(60)
    company.claim(report("R1", expense("1", 1000)))
    old_part = report("R1", expense("1", 7), extracted_at=START + timedelta(seconds=30))
    company.claim(old_part, report("R2", expense("2")))
    assert company.lines("20261120-1") == [("6100", 1000), ("2150", -1000)]


def test_an_older_extract_finds_nothing_about_a_posted_report(company: Company) -> None:
    company.claim(report("R1", expense("1", 1000)))
    post(company, "20261120-1")
    company.claim(report("R1", expense("1", 7)), at=START - timedelta(minutes=5))
    assert company.findings() == []


def test_reading_an_unchanged_report_again_leaves_its_checked_journal_ready(company: Company) -> None:
    company.claim(report("R1"), report("R2"))
    company.check()
    company.claim(report("R1"), report("R2"))
    assert company.states() == {"20261120-1": "ready"}
    company.claim(report("R1", expense("R1-x", 1)), at=START + timedelta(milliseconds=500))
    assert company.journal("20261120-1").total_debit_cents == 2000, "the unchanged reading was the newer one"


def test_reading_an_unchanged_report_again_leaves_a_rejected_journal_to_a_person(company: Company) -> None:
    company.claim(report("R1"))
    company.check()
    with company.ledger.write() as connection:
        connection.execute(tables.journal.update().values(state="rejected"))
    company.claim(report("R1"))
    assert company.states() == {"20261120-1": "rejected"}


def test_a_gl_code_given_in_expensify_counts_as_a_change(new_company: NewCompany) -> None:
    company = new_company(mapping={"gl_account": {"expensify_gl_code": True}})
    company.claim(report("R1", expense("1", category="Gifts")))
    company.check()
    assert company.reasons("20261120-1") == ["category_unmapped"]
    company.claim(report("R1", expense("1", category="Gifts", category_gl_code="6700")))
    company.check()
    assert company.states() == {"20261120-1": "ready"}
    assert company.lines("20261120-1")[0] == ("6700", 1000)


def test_what_a_report_was_before_is_kept(company: Company) -> None:
    company.claim(report("R1", expense("1", 1000), total_cents=1000))
    company.claim(report("R1", expense("1", 900), total_cents=900))
    company.claim(report("R1", expense("1", 900), total_cents=900))
    (version,) = company.rows(tables.report_version)
    assert (version["report_id"], version["total_cents"]) == ("R1", 1000)
    assert [(item["transaction_id"], item["amount_cents"]) for item in version["expenses"]] == [("1", 1000)]
    assert company.rows(tables.report)[0]["total_cents"] == 900


# --- frozen ---


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda: report("R1", expense("1", 900)), "changed_after_posting"),
        (lambda: report("R1", expense("1"), expense("2")), "changed_after_posting"),
        (lambda: report("R1", expense("1"), status="OPEN"), "unapproved_after_posting"),
        (lambda: report("R1", expense("1"), day=NEXT_DAY), "reapproved_after_posting"),
    ],
    ids=["amount", "expense", "unapproved", "reapproved"],
)
def test_what_changes_after_posting_is_found_once_and_the_journal_stays(
    company: Company, change: Callable[[], ReportFacts], kind: str
) -> None:
    company.claim(report("R1", expense("1")))
    post(company, "20261120-1")
    before = company.rows(tables.journal)
    for _ in range(3):
        company.claim(change())
    assert company.findings() == [(kind, "R1", "20261120-1")]
    assert company.rows(tables.journal) == before
    assert company.booked() == {"20261120-1": ["1"]}


def test_a_report_deleted_after_posting_is_found_once(company: Company) -> None:
    company.claim(report("R1"))
    post(company, "20261120-1")
    for _ in range(2):
        company.claim(absent=["R1"])
    assert company.findings() == [("deleted_after_posting", "R1", "20261120-1")]
    assert company.states() == {"20261120-1": "posted"}


def test_a_payment_after_posting_is_no_finding(company: Company) -> None:
    company.claim(report("R1"))
    post(company, "20261120-1")
    company.claim(report("R1", status="REIMBURSED"))
    assert company.findings() == []
    assert company.rows(tables.report)[0]["status"] == "REIMBURSED"


def test_a_journal_that_a_person_closed_is_not_made_anew(company: Company) -> None:
    company.claim(report("R1", expense("1", category="Unknown")))
    company.check()
    company.settle("20261120-1", "closed", closed_because="keyed by hand")
    company.claim(report("R1", expense("1", 1)))
    assert company.states() == {"20261120-1": "closed"}
    assert company.findings() == [("changed_after_posting", "R1", "20261120-1")]


# --- leaving and coming back ---


def test_an_unapproved_report_leaves_and_the_empty_journal_closes(company: Company) -> None:
    company.claim(report("R1"))
    company.claim(report("R1", status="OPEN"))
    assert company.states() == {"20261120-1": "closed"}
    assert company.booked() == {}
    assert company.lines("20261120-1") == []


def test_a_report_that_leaves_for_a_state_the_tenant_leaves_out_is_a_finding(new_company: NewCompany) -> None:
    company = new_company(expensify={"states": ["APPROVED"]})
    company.claim(report("R1", expense("1", category="Gifts")))
    company.claim(report("R1", expense("1", category="Gifts"), status="REIMBURSED"))
    assert company.states() == {"20261120-1": "closed"}
    assert company.findings() == [("left_unposted", "R1", "20261120-1")]


def test_a_deleted_report_leaves_as_well(company: Company) -> None:
    company.claim(report("R1"), report("R2"))
    company.check()
    company.claim(absent=["R1"])
    assert company.states() == {"20261120-1": "drafted"}
    assert company.booked() == {"20261120-1": ["R2-x"]}


def test_an_older_absence_is_no_news(company: Company) -> None:
    company.claim(report("R1"))
    company.claim(absent=["R1"], at=START - timedelta(minutes=1))
    assert company.booked() == {"20261120-1": ["R1-x"]}


def test_a_report_that_returns_reopens_the_same_key_and_reference(company: Company) -> None:
    company.claim(report("R1"))
    company.claim(report("R1", status="OPEN"))
    company.claim(report("R1", expense("R1-x", 700)))
    company.check()
    assert company.states() == {"20261120-1": "ready"}
    assert company.references() == {"20261120-1": "EXP-20261120-1"}
    assert company.lines("20261120-1") == [("6100", 700), ("2150", -700)]
    assert company.moves("20261120-1") == [
        (None, "drafted"), ("drafted", "closed"), ("closed", "drafted"), ("drafted", "ready"),
    ]  # fmt: skip


def test_a_report_that_returns_needs_no_window(company: Company) -> None:
    company.claim(report("R1"))
    company.claim(report("R1", status="OPEN"))
    company.claim(report("R1"), wanted=())
    assert company.states() == {"20261120-1": "drafted"}


def test_a_report_that_returns_on_another_day_is_posted_on_that_day(company: Company) -> None:
    company.claim(report("R1"))
    company.claim(report("R1", status="OPEN"))
    company.claim(report("R1", day=NEXT_DAY))
    journal = company.journal("20261120-1")
    assert (journal.state, journal.approval_date, journal.posting_date) == ("drafted", NEXT_DAY, NEXT_DAY)


def test_a_report_that_left_a_day_that_went_on_opens_the_next_one(company: Company) -> None:
    company.claim(report("R1"), report("R2"))
    company.claim(report("R1", status="OPEN"))
    company.claim(report("R1"))
    assert company.booked() == {"20261120-1": ["R2-x"], "20261120-2": ["R1-x"]}


def test_a_report_whose_days_main_part_went_on_opens_both_parts_anew(new_company: NewCompany) -> None:
    company = new_company(posting={"company_card": "journal"})
    mixed = report("R1", expense("1"), expense("2", reimbursable=False))
    company.claim(mixed, report("R2"))
    company.claim(report("R1", status="OPEN"))
    assert company.states() == {"20261120-1": "drafted", "20261120-1-C": "closed"}
    company.claim(mixed)
    assert company.booked() == {"20261120-1": ["R2-x"], "20261120-2": ["1"], "20261120-2-C": ["2"]}


def test_a_report_approved_again_for_another_day_leaves_a_shared_journal(company: Company) -> None:
    company.claim(report("R1"), report("R2"))
    company.claim(report("R1", day=NEXT_DAY))
    assert company.booked() == {"20261120-1": ["R2-x"], "20261121-1": ["R1-x"]}
    assert company.journal("20261121-1").posting_date == NEXT_DAY


def test_a_report_that_changes_its_currency_leaves_a_shared_journal(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PlainErp, "takes_foreign_currency", True)
    company.claim(report("R1", expense("1")), report("R2", expense("2")))
    company.claim(report("R1", expense("1", currency="EUR"), currency="EUR"))
    assert company.booked() == {"20261120-1": ["2"], "20261120-2": ["1"]}
    assert [company.journal(key).currency for key in company.journal_keys()] == ["USD", "EUR"]


def test_a_report_that_gets_its_first_expense_later_reopens_its_journal(company: Company) -> None:
    company.claim(no_expenses("R1"))
    company.claim(report("R1", expense("1")))
    assert company.states() == {"20261120-1": "drafted"}
    assert company.booked() == {"20261120-1": ["1"]}


def test_an_expense_that_turns_out_to_be_on_a_card_moves_to_the_card_journal(new_company: NewCompany) -> None:
    company = new_company(posting={"per": "report", "company_card": "journal"})
    company.claim(report("R1", expense("1"), expense("2")))
    company.claim(report("R1", expense("1"), expense("2", reimbursable=False)))
    assert company.booked() == {"R1": ["1"], "R1-C": ["2"]}
    company.claim(report("R1", expense("1", reimbursable=False), expense("2", reimbursable=False)))
    assert company.booked() == {"R1-C": ["1", "2"]}
    assert company.states() == {"R1": "closed", "R1-C": "drafted"}
    company.claim(report("R1", expense("1"), expense("2")))
    assert company.booked() == {"R1": ["1", "2"]}
    assert company.states() == {"R1": "drafted", "R1-C": "closed"}


class TestOnePartSent:
    """The main part of a report is posted, its card part is held."""

    @pytest.fixture
    def company(self, new_company: NewCompany) -> Company:
        company = new_company(posting={"per": "report", "company_card": "journal"})
        company.claim(report("R1", expense("1"), self.card("Unknown")))
        post(company, "R1")
        company.check()
        assert company.states() == {"R1": "posted", "R1-C": "held"}
        return company

    @staticmethod
    def card(category: str, cents: int = 1000) -> object:
        return expense("2", cents, category, reimbursable=False)

    def test_the_open_part_takes_a_correction(self, company: Company) -> None:
        company.claim(report("R1", expense("1"), self.card("Meals")))  # type: ignore[arg-type]
        company.check()
        assert company.states() == {"R1": "posted", "R1-C": "ready"}
        assert company.booked() == {"R1": ["1"], "R1-C": ["2"]}
        assert company.lines("R1-C") == [("6100", 1000), ("2160", -1000)]

    def test_a_change_of_the_sent_part_holds_the_open_one_visibly(self, company: Company) -> None:
        company.claim(report("R1", expense("1", 5), self.card("Meals")))  # type: ignore[arg-type]
        company.check()
        assert company.states() == {"R1": "posted", "R1-C": "held"}
        assert company.reasons("R1-C") == ["not_claimed"]
        assert company.findings() == [("changed_after_posting", "R1", "R1")]
        company.claim(report("R1", expense("1"), self.card("Meals")))  # type: ignore[arg-type]
        company.check()
        assert company.states() == {"R1": "posted", "R1-C": "ready"}

    def test_an_expense_that_moves_into_the_sent_part_is_held(self, company: Company) -> None:
        company.claim(report("R1", expense("1"), expense("2")))
        company.check()
        assert company.states() == {"R1": "posted", "R1-C": "held"}

    def test_the_open_part_leaves_with_the_approval_and_returns_with_it(self, company: Company) -> None:
        company.claim(report("R1", expense("1"), self.card("Meals"), status="OPEN"))  # type: ignore[arg-type]
        assert company.states() == {"R1": "posted", "R1-C": "closed"}
        company.claim(report("R1", expense("1"), self.card("Meals")))  # type: ignore[arg-type]
        company.check()
        assert company.states() == {"R1": "posted", "R1-C": "ready"}
        assert company.booked() == {"R1": ["1"], "R1-C": ["2"]}


# --- a tenant under another name ---


def test_a_renamed_tenant_keeps_its_journals_claims_and_numbers(company: Company) -> None:
    company.claim(report("R1"))
    company.check()
    renamed = company.with_settings(name="middle", formerly=["midwest"])
    renamed.claim(report("R1", expense("R1-x", 300)), report("R2"))
    renamed.check()
    assert renamed.booked() == {"20261120-1": ["R1-x"], "20261120-2": ["R2-x"]}
    assert renamed.states() == {"20261120-1": "ready", "20261120-2": "ready"}
    assert renamed.journal("20261120-1").total_debit_cents == 300
    assert {row["tenant"] for row in renamed.rows(tables.expense, tables.expense.c.journal_key == "20261120-1")} == {
        "midwest"
    }


def test_a_renamed_tenant_does_not_find_the_same_thing_twice(company: Company) -> None:
    company.claim(report("R1", expense("1")))
    post(company, "20261120-1")
    company.claim(report("R1", expense("1"), status="OPEN"))
    renamed = company.with_settings(name="middle", formerly=["midwest"])
    renamed.claim(report("R1", expense("1"), status="OPEN"))
    assert renamed.findings() == [("unapproved_after_posting", "R1", "20261120-1")]


def test_a_renamed_tenant_marks_a_report_only_when_its_new_journal_is_posted(company: Company) -> None:
    company.claim(report("R1"), report("R2"))
    company.claim(report("R1", status="OPEN"))
    renamed = company.with_settings(name="middle", formerly=["midwest"])
    renamed.claim(report("R1"))
    post(renamed, "20261120-1")
    with company.ledger.read() as connection:
        assert marks.to_mark(connection, renamed.scope) == ["R2"]
    post(renamed, "20261120-2")
    with company.ledger.read() as connection:
        assert marks.to_mark(connection, renamed.scope) == ["R1", "R2"]


def test_dates_of_both_kinds_are_kept(company: Company) -> None:
    company.claim(report("R1"))
    (row,) = company.rows(tables.journal)
    assert (row["approval_date"], row["first_posting_date"], row["posting_date"]) == (DAY, DAY, DAY)


def test_a_report_that_loses_its_approval_date_holds_its_day_also_where_the_runs_day_is_posted(
    new_company: NewCompany,
) -> None:
    company = new_company(posting={"date": "run"})
    company.claim(report("R1"))
    company.claim(report("R1", day=None))
    company.check()
    assert (company.states(), company.reasons("20261120-1")) == ({"20261120-1": "held"}, ["no_approval_date"])
