"""New reports: which journals they open, under which keys and references."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from include.accounting.preview import preview_rows
from include.accounting.window import Window
from include.ledger import claims, runs, tables
from include.ledger.reading import reading_of
from tests.include.ledger.company import DAY, Company, expense, no_expenses, report
from tests.include.ledger.exports import archive, expense_record, part, report_record
from tests.include.ledger.plain_erp import PlainErp

NEXT_DAY = date(2026, 11, 21)
NewCompany = Callable[..., Company]


def test_a_day_is_one_journal_that_balances(company: Company) -> None:
    claimed = company.claim(
        report("R1", expense("1", 1000), expense("2", 500, "Travel")), report("R2", expense("3", 250))
    )
    assert claimed.fresh == ("20261120-1",)
    assert company.lines("20261120-1") == [("6100", 1250), ("6200", 500), ("2150", -1750)]
    journal = company.journal("20261120-1")
    assert (journal.state, journal.reference, journal.approval_date, journal.posting_date, journal.total_debit_cents) == (
        "drafted", "EXP-20261120-1", DAY, DAY, 1750,
    )  # fmt: skip
    assert company.booked() == {"20261120-1": ["1", "2", "3"]}
    assert company.moves("20261120-1") == [(None, "drafted")]


def test_days_are_apart(company: Company) -> None:
    company.claim(report("R1"), report("R2", day=NEXT_DAY))
    assert company.booked() == {"20261120-1": ["R1-x"], "20261121-1": ["R2-x"]}


def test_currencies_are_numbered_by_their_code(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PlainErp, "takes_foreign_currency", True)
    company.claim(
        report("R1", expense("1", currency="USD")),
        report("R2", expense("2", currency="EUR"), currency="EUR"),
        report("R3", expense("3", currency="CAD"), currency="CAD"),
    )
    assert company.booked() == {"20261120-1": ["3"], "20261120-2": ["2"], "20261120-3": ["1"]}
    assert [company.journal(key).currency for key in company.journal_keys()] == ["CAD", "EUR", "USD"]


def test_a_late_report_opens_the_days_next_journal_and_the_first_does_not_grow(company: Company) -> None:
    company.claim(report("R1"))
    before = company.lines("20261120-1")
    assert company.claim(report("R2")).fresh == ("20261120-2",)
    assert company.lines("20261120-1") == before
    assert company.booked() == {"20261120-1": ["R1-x"], "20261120-2": ["R2-x"]}


def test_bad_reports_are_isolated_where_the_tenant_wants_it(new_company: NewCompany) -> None:
    company = new_company(hold={"isolate": True})
    company.claim(report("R1", expense("1", category="Unknown")), report("R2"), report("R3"))
    assert company.booked() == {"20261120-1": ["R2-x", "R3-x"], "20261120-2": ["1"]}
    assert company.reasons("20261120-1") == []
    assert company.reasons("20261120-2") == ["category_unmapped"]


def test_a_bad_report_holds_the_days_posting_by_default(company: Company) -> None:
    company.claim(report("R1", expense("1", category="Unknown")), report("R2"))
    company.check()
    assert company.states() == {"20261120-1": "held"}
    assert company.booked() == {"20261120-1": ["1", "R2-x"]}
    assert company.journal("20261120-1").total_debit_cents == 2000


def test_an_undated_report_is_held_under_its_own_id(company: Company) -> None:
    company.claim(report("R1", day=None), report("R2"))
    company.check()
    assert company.states() == {"20261120-1": "ready", "R1": "held"}
    assert company.reasons("R1") == ["no_approval_date"]


def test_an_undated_report_is_held_also_where_bad_ones_are_isolated_and_the_runs_day_is_posted(
    new_company: NewCompany,
) -> None:
    company = new_company(posting={"date": "run"}, hold={"isolate": True})
    company.claim(report("R1", day=None), report("R2"))
    company.check()
    assert company.states() == {"20261120-1": "ready", "R1": "held"}


def test_an_undated_report_that_gets_its_date_is_posted_on_it_under_the_same_key(company: Company) -> None:
    company.claim(report("R1", day=None))
    company.claim(report("R1", day=NEXT_DAY))
    company.check()
    assert company.states() == {"R1": "ready"}
    assert company.journal("R1").posting_date == NEXT_DAY


def test_per_report_the_key_is_the_report_id(new_company: NewCompany) -> None:
    company = new_company(posting={"per": "report"})
    company.claim(report("R1"), report("R2"))
    assert company.references() == {"R1": "EXP-R1", "R2": "EXP-R2"}


@pytest.mark.parametrize(("per", "key"), [("report", "R1"), ("day", "20261120-1")])
def test_company_cards_get_a_journal_of_their_own(new_company: NewCompany, per: str, key: str) -> None:
    company = new_company(posting={"per": per, "company_card": "journal"})
    company.claim(report("R1", expense("1", 300), expense("2", 700, reimbursable=False)))
    assert company.references() == {key: f"EXP-{key}", f"{key}-C": f"EXP-{key}-C"}
    assert company.lines(key) == [("6100", 300), ("2150", -300)]
    assert company.lines(f"{key}-C") == [("6100", 700), ("2160", -700)]


def test_without_a_card_account_only_a_card_expense_is_held(new_company: NewCompany) -> None:
    company = new_company(posting={"per": "report", "credit": {"company_card": None}})
    company.claim(report("R1"), report("R2", expense("2"), expense("3", reimbursable=False, bank="Amex Corp")))
    company.check()
    assert company.states() == {"R1": "ready", "R2": "held"}
    (reason,) = company.journal("R2").reasons
    assert reason.message == "Company card 'Amex Corp' has no balancing account"


def test_a_report_of_card_expenses_only_has_only_the_card_journal(new_company: NewCompany) -> None:
    company = new_company(posting={"per": "report", "company_card": "journal"})
    company.claim(report("R1", expense("1", 700, reimbursable=False)))
    assert company.booked() == {"R1-C": ["1"]}


def test_excluded_card_expenses_are_claimed_and_not_booked(new_company: NewCompany) -> None:
    company = new_company(posting={"per": "report", "company_card": "exclude"})
    company.claim(report("R1", expense("1", 300), expense("2", 700, reimbursable=False)))
    assert company.lines("R1") == [("6100", 300), ("2150", -300)]
    assert company.booked() == {"R1": ["1", "2"]}


def test_a_report_without_expenses_is_closed(company: Company) -> None:
    company.claim(no_expenses("R1"))
    assert company.states() == {"20261120-1": "closed"}
    assert company.moves("20261120-1") == [(None, "drafted"), ("drafted", "closed")]


def test_a_report_without_expenses_but_with_a_total_is_held(company: Company) -> None:
    company.claim(no_expenses("R1", total_cents=100))
    company.check()
    assert company.states() == {"20261120-1": "held"}
    assert company.reasons("20261120-1") == ["control_total"]


def test_groups_that_net_to_zero_are_not_sent_and_keep_their_lineage(company: Company) -> None:
    company.claim(report("R1", expense("1", 500), expense("2", -500), expense("3", 200, "Travel")))
    company.check()
    assert company.lines("20261120-1") == [("6100", 0), ("6200", 200), ("2150", -200)]
    assert [line.account for line in company.journal("20261120-1").draft().lines] == ["6200", "2150"]
    assert company.booked() == {"20261120-1": ["1", "2", "3"]}


def test_a_report_that_nets_to_zero_altogether_is_closed_with_its_claims(company: Company) -> None:
    company.claim(report("R1", expense("1", 500), expense("2", -500)))
    assert company.states() == {"20261120-1": "closed"}
    assert company.booked() == {"20261120-1": ["1", "2"]}


def test_a_total_that_differs_is_posted_with_a_finding_where_the_tenant_only_warns(new_company: NewCompany) -> None:
    company = new_company(expensify={"control_total": "warn"})
    company.claim(report("R1", total_cents=900), report("R2"))
    company.claim(report("R1", total_cents=900, name="Renamed"))
    company.check()
    assert company.states() == {"20261120-1": "ready"}
    assert company.findings() == [("control_total", "R1", "20261120-1")]
    (row,) = company.rows(tables.finding)
    assert row["message"] == "The expenses add up to 10.00, the report says 9.00"


def test_a_gl_code_that_no_account_can_have_is_held(new_company: NewCompany) -> None:
    company = new_company(mapping={"gl_account": {"expensify_gl_code": True}})
    # Random, because PostgreSQL packs an index's texts.
    code = "".join(random.Random(7).choices(string.ascii_letters, k=6000))
    company.claim(report("R1", expense("1", category="Odd", category_gl_code=code)), report("R2", day=NEXT_DAY))
    company.check()
    assert company.states() == {"20261120-1": "held", "20261121-1": "ready"}
    assert company.reasons("20261120-1") == ["account_invalid"]


def test_before_start_date_is_a_finding_once_and_never_a_journal(company: Company) -> None:
    early = report("R1", day=date(2026, 10, 31))
    for _ in range(2):
        company.claim(early, wanted=(), too_early=frozenset({"R1"}))
    assert company.findings() == [("before_start_date", "R1", None)]
    assert company.journal_keys() == []


def test_a_named_report_that_is_not_approved_or_not_there_is_a_finding_once(company: Company) -> None:
    still_open = replace(report("R1"), status="OPEN")
    for _ in range(2):
        company.claim(still_open, absent=("R2",), named=frozenset({"R1", "R2"}))
    assert company.findings() == [("not_in_expensify", "R2", None), ("not_approved", "R1", None)]
    assert company.journal_keys() == []


def test_an_open_report_that_nobody_named_is_no_finding(company: Company) -> None:
    company.claim(replace(report("R1"), status="OPEN"), absent=("R2",))
    assert company.findings() == []


def test_a_start_date_that_moves_past_a_held_report_keeps_it_from_being_posted(company: Company) -> None:
    company.claim(report("R1", expense("1", category="Unknown")))
    company.check()
    later = company.with_settings(
        start_date=date(2026, 11, 21), mapping={"gl_account": {"values": {"Unknown": "6900"}}}
    )
    later.derive_again()
    later.check()
    assert later.states() == {"20261120-1": "held"}
    assert later.reasons("20261120-1") == ["before_start_date"]


def test_a_labelled_report_that_the_ledger_does_not_know_is_a_finding(company: Company) -> None:
    company.claim(report("R1"), labelled=frozenset({"R1"}))
    assert company.findings() == [("already_exported", "R1", None)]
    assert company.journal_keys() == []


@pytest.mark.parametrize(
    ("defects", "code"),
    [((), "no_state"), (("status 'Settled' is not a known value",), "unreadable")],
    ids=["missing", "unknown_word"],
)
def test_a_report_whose_state_cannot_be_read_is_held_and_not_passed_over(
    company: Company, defects: tuple[str, ...], code: str
) -> None:
    company.claim(report("R1", status=None, defects=defects))
    company.check()
    assert company.booked() == {"20261120-1": ["R1-x"]}
    assert (company.states(), company.reasons("20261120-1")) == ({"20261120-1": "held"}, [code])
    company.claim(report("R1"))
    company.check()
    assert company.states() == {"20261120-1": "ready"}


def test_a_checked_report_that_loses_its_state_waits(company: Company) -> None:
    company.claim(report("R1"))
    company.check()
    company.claim(report("R1", status=None))
    company.check()
    assert (company.states(), company.reasons("20261120-1")) == ({"20261120-1": "held"}, ["no_state"])


def test_a_posted_report_that_loses_its_state_is_no_finding(company: Company) -> None:
    company.claim(report("R1"))
    company.check()
    with company.ledger.write() as connection:
        this = tables.journal.c.journal_key == "20261120-1"
        connection.execute(tables.journal.update().where(this).values(state="posted", frozen=True))
    company.claim(report("R1", status=None))
    assert company.findings() == []


def test_a_report_that_is_not_approved_or_not_asked_for_is_left_alone(company: Company) -> None:
    company.claim(report("R1", status="SUBMITTED"), report("R2"), wanted=["R1"])
    assert company.journal_keys() == []


def test_a_reference_that_is_too_long_is_held_and_never_cut(new_company: NewCompany) -> None:
    company = new_company(erp={"longest_reference": 12})
    company.claim(report("R1"))
    company.check()
    assert company.references() == {"20261120-1": None}
    assert company.reasons("20261120-1") == ["reference_invalid"]
    repaired = company.with_settings(posting={"reference_prefix": "E"}, erp={"longest_reference": 12})
    repaired.derive_again()
    repaired.check()
    assert repaired.references() == {"20261120-1": "E-20261120-1"}
    assert repaired.states() == {"20261120-1": "ready"}


def test_the_second_tenant_of_a_company_is_held_and_told_to_take_another_prefix(new_company: NewCompany) -> None:
    first, second = new_company(), new_company(name="second")
    first.claim(report("R1"))
    second.claim(report("R2"))
    second.check()
    assert second.states() == {"20261120-1": "held"}
    assert second.references() == {"20261120-1": None}
    (reason,) = second.journal("20261120-1").reasons
    assert reason.code == "reference_taken"
    assert "reference_prefix" in reason.fix
    repaired = second.with_settings(posting={"reference_prefix": "TWO"})
    repaired.derive_again()
    repaired.check()
    assert repaired.states() == {"20261120-1": "ready"}
    assert repaired.references() == {"20261120-1": "TWO-20261120-1"}
    assert first.references() == {"20261120-1": "EXP-20261120-1"}


def test_the_same_reference_in_another_company_is_free(new_company: NewCompany) -> None:
    first, second = new_company(), new_company(name="second", target="plain:erp.example:TWO")
    first.claim(report("R1"))
    second.claim(report("R1"))
    assert first.references() == second.references() == {"20261120-1": "EXP-20261120-1"}


def test_a_day_with_more_lines_than_the_erp_takes_is_split_by_whole_reports(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PlainErp, "max_lines", 3)
    # Two lines and the balance are the limit: R1 and R2 share an account, R3 needs another one.
    company.claim(
        report("R1", expense("1"), expense("1b")),
        report("R2", expense("2")),
        report("R3", expense("3", category="Travel"), expense("3b")),
        report("R4", expense("4", category="Travel")),
    )
    assert company.booked() == {"20261120-1": ["1", "1b", "2", "3", "3b", "4"]}
    monkeypatch.setattr(PlainErp, "max_lines", 2)
    company.claim(
        *(
            report(f"S{number}", expense(f"s{number}", category=category), day=NEXT_DAY)
            for number, category in enumerate(["Meals", "Meals", "Travel", "Travel"])
        )
    )
    company.check()
    assert company.booked()["20261121-1"] == ["s0", "s1"]
    assert company.booked()["20261121-2"] == ["s2", "s3"]
    assert company.states()["20261121-1"] == company.states()["20261121-2"] == "ready"


def test_lines_that_net_to_zero_do_not_count_against_the_limit(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PlainErp, "max_lines", 2)
    company.claim(report("R1", expense("1", 100, "Travel")), report("R2", expense("2", -100, "Travel"), expense("3")))
    assert company.booked() == {"20261120-1": ["1", "2", "3"]}


def test_one_report_above_the_limit_is_held_whole(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PlainErp, "max_lines", 2)
    company.claim(report("R1", expense("1"), expense("2", category="Travel")), report("R2"))
    company.check()
    assert company.states() == {"20261120-1": "held", "20261120-2": "ready"}
    assert company.reasons("20261120-1") == ["too_many_lines"]


def test_a_preview_shows_a_report_whose_expenses_another_one_has(company: Company) -> None:
    reading = company.reading(report("R1", expense("1")), report("R2", expense("1")))
    _, _, outcomes = claims.prepare(company.ledger, company.scope, company.tenant, reading, company.run_day)
    rows = preview_rows(outcomes.values())
    assert [(row["key"], row["account"], row["amount"], len(row["reasons"])) for row in rows] == [
        ("20261120-1", "6100", 1000, 0),
        ("20261120-1", "2150", -1000, 0),
        ("20261120-2", "?", 0, 1),
    ]


def test_new_journals_join_the_run_in_order(company: Company) -> None:
    run = company.begin_run()
    company.claim(report("R1", day=NEXT_DAY), report("R2"), run=run)
    company.claim(report("R3"), run=run)
    with company.ledger.read() as connection:
        assert runs.keys(connection, run) == ["20261120-1", "20261121-1", "20261120-2"]


class TestPayables:
    """AP documents: the ERP makes the credit side."""

    @pytest.fixture
    def payer(self, new_company: NewCompany) -> Company:
        return new_company(erp={"document": "bill"}, posting={"per": "report", "credit": {"reimbursable": None}})

    def test_a_report_becomes_a_bill_with_a_balancing_line_that_is_not_sent(self, payer: Company) -> None:
        payer.claim(report("R1", expense("1", 1000)))
        journal = payer.journal("R1")
        assert journal.kind == "bill"
        assert payer.lines("R1") == [("6100", 1000), ("AP", -1000)]
        assert [line.account for line in journal.draft().sent_lines] == ["6100"]

    def test_card_expenses_are_a_journal_of_their_own_by_default(self, payer: Company) -> None:
        payer.claim(report("R1", expense("1", 1000), expense("2", 400, reimbursable=False)))
        assert {key: payer.journal(key).kind for key in payer.journal_keys()} == {"R1": "bill", "R1-C": "journal"}
        assert payer.lines("R1-C") == [("6100", 400), ("2160", -400)]

    def test_an_already_reimbursed_report_is_held_where_no_account_is_set(self, payer: Company) -> None:
        payer.claim(report("R1", status="REIMBURSED"))
        payer.check()
        assert payer.reasons("R1") == ["already_reimbursed"]

    def test_an_already_reimbursed_report_is_a_journal_with_its_own_key(self, new_company: NewCompany) -> None:
        payer = new_company(
            erp={"document": "bill"}, posting={"per": "report", "credit": {"already_reimbursed": "1010"}}
        )
        payer.claim(report("R1", status="REIMBURSED"), report("R2"))
        assert {key: payer.journal(key).kind for key in payer.journal_keys()} == {"R1": "journal", "R2": "bill"}
        assert payer.lines("R1") == [("6100", 1000), ("1010", -1000)]

    def test_paid_and_unpaid_reports_of_a_day_are_apart(self, new_company: NewCompany) -> None:
        payer = new_company(erp={"document": "bill"}, posting={"per": "day", "credit": {"already_reimbursed": "1010"}})
        payer.claim(report("R1", status="REIMBURSED"), report("R2"))
        assert payer.booked() == {"20261120-1": ["R2-x"], "20261120-2": ["R1-x"]}
        assert [payer.journal(key).kind for key in payer.journal_keys()] == ["bill", "journal"]

    def test_a_report_that_is_paid_before_its_days_bill_was_sent_leaves_it(self, new_company: NewCompany) -> None:
        payer = new_company(erp={"document": "bill"}, posting={"per": "day", "credit": {"already_reimbursed": "1010"}})
        payer.claim(report("R1"), report("R2"))
        payer.claim(report("R1", status="REIMBURSED"))
        assert payer.booked() == {"20261120-1": ["R2-x"], "20261120-2": ["R1-x"]}
        assert payer.lines("20261120-2") == [("6100", 1000), ("1010", -1000)]

    def test_a_payable_of_zero_with_lines_left_is_a_journal_with_the_same_key(self, payer: Company) -> None:
        payer.claim(report("R1", expense("1", 700), expense("2", -700, "Travel")))
        assert payer.journal("R1").kind == "journal"
        assert payer.lines("R1") == [("6100", 700), ("6200", -700), ("AP", 0)]
        assert [line.account for line in payer.journal("R1").draft().lines] == ["6100", "6200"]

    def test_a_negative_payable_keeps_its_sign(self, payer: Company) -> None:
        payer.claim(report("R1", expense("1", -700)))
        assert payer.journal("R1").kind == "bill"
        assert payer.lines("R1") == [("6100", -700), ("AP", 700)]
        assert payer.journal("R1").draft().control_total_cents == -700


def test_a_character_that_no_database_takes_holds_its_report_and_stops_no_other(company: Company) -> None:
    began = datetime(2026, 11, 21, tzinfo=UTC)
    found = [
        (report_record("R1", reportName="Tr\x00ip"), [expense_record("1", "Me\x00als", merchant="Ca\x00fe")]),
        (report_record("R2", approved="2026-11-19 18:00:00"), [expense_record("2", "Meals", merchant="Ca\x00fe")]),
        (report_record("R3", approved="20\x00"), [expense_record("3", "Meals")]),
    ]
    lines = archive(part(began, found))
    reading = reading_of(lines, company.tenant, window=Window(began - timedelta(days=3), began, began))
    company.claim(*reading.read.values())
    company.check()
    assert company.states() == {"20261119-1": "ready", "20261120-1": "held", "R3": "held"}
    assert company.reasons("20261120-1") == ["category_unmapped"]
    assert [row["merchant"] for row in company.rows(tables.expense, tables.expense.c.transaction_id == "2")] == [
        "Ca\ufffdfe"
    ]
