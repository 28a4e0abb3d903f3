from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.erps.port import ErpDocument
from include.reconcile.comparison import Total, unexplained
from include.reconcile.sides import Spent
from tests.include.reconcile.three_sides import DAY, ThreeSides, agreeing, document_of

Seed = Callable[[ThreeSides, int], None]


def drop_from_ledger(sides: ThreeSides, at: int) -> None:
    del sides.journals[f"J{at}"]
    sides.expenses = [one for one in sides.expenses if one.report_id != f"R{at}"]
    del sides.documents[at]


def hold(sides: ThreeSides, at: int) -> None:
    sides.journal(f"J{at}", state="held", because="Category 'Meals' has no account")
    del sides.documents[at]


def withdraw(sides: ThreeSides, at: int) -> None:
    sides.report(f"R{at}", status="SUBMITTED")


def delete(sides: ThreeSides, at: int) -> None:
    del sides.reports[f"R{at}"]


def _first(sides: ThreeSides, at: int, **changes: object) -> None:
    first, *rest = sides.reports[f"R{at}"].expenses
    sides.report(f"R{at}", expenses=(replace(first, **changes), *rest))  # type: ignore[arg-type]


def change_amount(sides: ThreeSides, at: int) -> None:
    _first(sides, at, amount_cents=(sides.reports[f"R{at}"].expenses[0].amount_cents or 0) + 1)


def lose_amount(sides: ThreeSides, at: int) -> None:
    _first(sides, at, amount_cents=None)


def change_category(sides: ThreeSides, at: int) -> None:
    _first(sides, at, category="Hotel")


def change_card(sides: ThreeSides, at: int) -> None:
    _first(sides, at, reimbursable=not sides.reports[f"R{at}"].expenses[0].reimbursable)


def add_expense(sides: ThreeSides, at: int) -> None:
    report = sides.reports[f"R{at}"]
    sides.report(f"R{at}", expenses=(*report.expenses, Spent("late", 1, "Meals", True)))


def remove_expense(sides: ThreeSides, at: int) -> None:
    sides.report(f"R{at}", expenses=sides.reports[f"R{at}"].expenses[1:])


def break_total(sides: ThreeSides, at: int) -> None:
    sides.report(f"R{at}", total_is_off=True)


def delete_document(sides: ThreeSides, at: int) -> None:
    del sides.documents[at]


def void(sides: ThreeSides, at: int) -> None:
    sides.document(at, live=False, status="Voided")


def alter_total(sides: ThreeSides, at: int) -> None:
    sides.document(at, total_cents=(sides.documents[at].total_cents or 0) + 1)


def alter_date(sides: ThreeSides, at: int) -> None:
    sides.document(at, posting_date=date(2025, 11, 3))


def alter_lines(sides: ThreeSides, at: int) -> None:
    (account, cents), *rest = sides.documents[at].lines or ()
    sides.document(at, lines=((f"{account}-X", cents), *rest))


def alter_currency(sides: ThreeSides, at: int) -> None:
    sides.document(at, currency="EUR")


def renumber(sides: ThreeSides, at: int) -> None:
    sides.document(at, number="2025/999")


def copy(sides: ThreeSides, at: int) -> None:
    sides.documents.append(replace(sides.documents[at], number="2025/999"))


def unmark(sides: ThreeSides, at: int) -> None:
    sides.report(f"R{at}", marked=False)


def strange_document(sides: ThreeSides, at: int) -> None:
    sides.documents.append(ErpDocument(f"2025/99{at}", 777, "USD", DAY, reference="EXP-20251101-9"))


def post_elsewhere(sides: ThreeSides, at: int) -> None:
    sides.elsewhere = {f"R{at}-0": "syspro://other/X1 20251102-1"}


def document_of_a_held_journal(sides: ThreeSides, at: int) -> None:
    # What became of a create that was believed refused.
    sides.journal(f"J{at}", state="rejected")


SEEDS: dict[str, tuple[Seed, list[tuple[str, str | None]]]] = {
    "not-in-ledger": (drop_from_ledger, [("not_posted", "R{at}")]),
    "held": (hold, [("not_posted", "R{at}")]),
    "withdrawn": (withdraw, [("withdrawn", "R{at}")]),
    "deleted": (delete, [("deleted", "R{at}")]),
    "amount": (change_amount, [("changed", "R{at}")]),
    "no-amount": (lose_amount, [("changed", "R{at}")]),
    "category": (change_category, [("changed", "R{at}")]),
    "card": (change_card, [("changed", "R{at}")]),
    "expense-added": (add_expense, [("changed", "R{at}")]),
    "expense-removed": (remove_expense, [("changed", "R{at}")]),
    "total-off": (break_total, [("changed", "R{at}")]),
    "document-deleted": (delete_document, [("missing_in_erp", "R{at}")]),
    "voided": (void, [("voided_in_erp", "R{at}")]),
    "total-altered": (alter_total, [("altered_in_erp", "R{at}")]),
    "date-altered": (alter_date, [("altered_in_erp", "R{at}")]),
    "lines-altered": (alter_lines, [("altered_in_erp", "R{at}")]),
    "currency-altered": (alter_currency, [("altered_in_erp", "R{at}")]),
    "number-altered": (renumber, [("altered_in_erp", "R{at}")]),
    "posted-twice": (copy, [("posted_twice", "R{at}")]),
    "expense-in-two": (post_elsewhere, [("posted_twice", "R{at}")]),
    "not-marked": (unmark, [("not_marked", "R{at}")]),
    "strange-document": (strange_document, [("unknown_document", None)]),
    "document-of-a-rejected-journal": (
        document_of_a_held_journal,
        [("not_posted", "R{at}"), ("unknown_document", "R{at}")],
    ),
}

amounts = st.lists(st.integers(-10_000_000, 10_000_000).filter(bool), min_size=1, max_size=4).map(tuple)
reports = st.lists(amounts, min_size=1, max_size=6).filter(lambda all_: all(sum(one) for one in all_))


@settings(max_examples=60, deadline=None)
@given(reports, st.integers(1, 3))
def test_sides_that_agree_have_no_difference(cents: list[tuple[int, ...]], per_journal: int) -> None:
    compared = agreeing(*cents, per_journal=per_journal, marks=True).compared()
    assert compared.differences == ()
    total = sum(map(sum, cents))
    assert [(one.expensify, one.ledger, one.closed, one.under_way) for one in compared.totals] == [(total, total, 0, 0)]
    assert sum(one.expensify for one in compared.categories) == total
    assert [one.expensify - one.ledger for one in compared.categories] == [0] * len(compared.categories)


@pytest.mark.parametrize("name", SEEDS)
@settings(max_examples=20, deadline=None)
@given(reports, st.data())
def test_one_difference_among_many_is_found_and_nothing_else(
    name: str, cents: list[tuple[int, ...]], data: st.DataObject
) -> None:
    seed, expected = SEEDS[name]
    at = data.draw(st.integers(0, len(cents) - 1))
    sides = agreeing(*cents, marks=True)
    seed(sides, at)
    found = sides.compared().differences
    wanted = [(kind, report.format(at=at) if report else None) for kind, report in expected]
    assert [(one.kind, one.report_id) for one in found] == wanted


@settings(max_examples=60, deadline=None)
@given(reports, st.lists(st.sampled_from(sorted(SEEDS)), max_size=4))
def test_a_fingerprint_names_one_difference(cents: list[tuple[int, ...]], names: list[str]) -> None:
    sides = agreeing(*cents, marks=True)
    for at, name in enumerate(names):
        if f"J{at}" in sides.journals and at < len(sides.documents) and f"R{at}" in sides.reports:
            SEEDS[name][0](sides, at)
    found = [one.fingerprint for one in sides.compared().differences]
    assert len(found) == len(set(found))


def only(sides: ThreeSides) -> tuple[str, int | None, int | None, str]:
    (one,) = sides.compared().differences
    return one.kind, one.expected_cents, one.found_cents, one.currency


def test_both_amounts_are_told() -> None:
    sides = agreeing((1250, 300), (99,))
    _first(sides, 0, amount_cents=1350)
    assert only(sides) == ("changed", 1650, 1550, "USD")
    sides = agreeing((1250, 300), (99,))
    drop_from_ledger(sides, 0)
    assert only(sides) == ("not_posted", 1550, 0, "USD")
    sides = agreeing((1250,), (99,))
    alter_total(sides, 1)
    assert only(sides) == ("altered_in_erp", 99, 100, "USD")
    sides = agreeing((1250,), (99,))
    delete(sides, 1)
    assert only(sides) == ("deleted", 0, 99, "USD")


def test_a_held_journal_says_why_it_is_held() -> None:
    sides = agreeing((1250,))
    hold(sides, 0)
    (one,) = sides.compared().differences
    assert "not posted: held because Category 'Meals' has no account" in one.message


def test_totals_of_the_three_sides_show_each_difference() -> None:
    sides = agreeing((1000,), (500,), (70,))
    hold(sides, 1)
    # R0's and R2's documents are left.
    alter_total(sides, 1)
    delete_document(sides, 0)
    total = sides.compared().totals[0]
    assert (total.expensify, total.ledger, total.erp) == (1570, 1070, 71)


def test_categories_are_summed_by_whether_they_are_reimbursable() -> None:
    sides = agreeing((1000, 200, 30), (4,))
    compared = sides.compared().categories
    assert [(one.category, one.reimbursable, one.expensify, one.ledger, one.erp) for one in compared] == [
        ("Airfare", False, 30, 30, 30),
        ("Airfare", True, 1004, 1004, 1004),
        ("Meals", True, 200, 200, 200),
    ]
    void(sides, 1)
    assert [one.erp for one in sides.compared().categories] == [30, 1000, 200]


def test_a_settled_journal_is_no_difference() -> None:
    sides = agreeing((1250,), (99,))
    hold(sides, 0)
    sides.journal("J0", state="closed", because="settled")
    compared = sides.compared()
    assert compared.differences == ()
    assert (compared.totals[0].closed, compared.totals[0].ledger) == (1250, 99)


def test_expenses_that_net_to_nothing_are_no_difference() -> None:
    sides = agreeing((500, -500), (99,))
    sides.journal("J0", state="closed", because="nothing left to post")
    del sides.documents[0]
    assert sides.compared().differences == ()


def test_a_closed_journal_whose_report_has_money_now_is_seen() -> None:
    sides = agreeing((500, -500), (99,))
    sides.journal("J0", state="closed", because="nothing left to post")
    del sides.documents[0]
    _first(sides, 0, amount_cents=600)
    assert [one.kind for one in sides.compared().differences] == ["changed"]


def test_a_journal_that_a_run_is_about_to_post_is_no_difference() -> None:
    sides = agreeing((1250,), (99,))
    hold(sides, 0)
    sides.journal("J0", state="ready", because="", in_live_run=True)
    compared = sides.compared()
    assert compared.differences == ()
    assert compared.totals[0].under_way == 1250
    sides.journal("J0", in_live_run=False)
    assert [one.kind for one in sides.compared().differences] == ["not_posted"]


def test_a_held_journal_of_a_live_run_is_a_difference() -> None:
    sides = agreeing((1250,))
    hold(sides, 0)
    sides.journal("J0", in_live_run=True)
    assert [one.kind for one in sides.compared().differences] == ["not_posted"]


def test_what_was_approved_before_the_start_is_left_alone() -> None:
    sides = agreeing((1250,), (99,))
    drop_from_ledger(sides, 0)
    sides.report("R0", approved_day=date(2025, 10, 31))
    assert sides.compared().differences == ()
    sides.report("R0", approved_day=date(2025, 11, 1))
    assert [one.kind for one in sides.compared().differences] == ["not_posted"]


def test_excluded_company_cards_count_on_no_side() -> None:
    sides = agreeing((1000, 200, 30))
    sides.rules = replace(sides.rules, excludes_cards=True)
    draft = sides.journals["J0"].draft
    assert draft is not None
    lines = tuple(replace(line, amount_cents=1200 if line.number == 1 else -1200) for line in draft.lines)
    draft = replace(draft, lines=lines)
    sides.journal("J0", draft=draft)
    sides.documents = [document_of(draft, "2025/J0")]
    compared = sides.compared()
    assert compared.differences == ()
    assert compared.totals[0].expensify == 1200
    # The card expense may change as it likes; what becomes one was posted and is missed.
    *rest, card = sides.reports["R0"].expenses
    sides.report("R0", expenses=(*rest, replace(card, amount_cents=31)))
    assert sides.compared().differences == ()
    sides.report("R0", expenses=(replace(rest[0], reimbursable=False), *rest[1:], card))
    assert [one.kind for one in sides.compared().differences] == ["changed"]


def test_a_journal_adopted_by_hand_need_not_show_our_reference() -> None:
    sides = agreeing((1250,), (99,))
    del sides.documents[0]
    sides.journal("J0", by_hand=True, draft=None, document_number="4711")
    compared = sides.compared()
    assert compared.differences == ()
    assert any("J0" in note and "not compared" in note for note in compared.notes)


def test_a_document_that_a_person_accepted_is_no_difference_until_it_is_voided() -> None:
    sides = agreeing((1250,))
    alter_total(sides, 0)
    sides.journal("J0", accepted=True)
    assert sides.compared().differences == ()
    void(sides, 0)
    assert [one.kind for one in sides.compared().differences] == ["voided_in_erp"]


def test_a_reissued_journal_s_old_document_must_stay_void() -> None:
    sides = agreeing((1250,))
    sides.journals["J9"] = replace(
        sides.journals["J0"],
        key="J9",
        reference="EXP-J9",
        state="closed",
        because="settled: reissued as J0",
        report_ids=(),
    )
    old = replace(sides.documents[0], number="2025/1", reference="EXP-J9", live=False)
    sides.documents.append(old)
    assert sides.compared().differences == ()
    sides.documents[-1] = replace(old, live=True)
    assert [(one.kind, one.journal_key) for one in sides.compared().differences] == [("posted_twice", "J9")]


def test_a_reference_of_another_tenant_of_the_company_is_known() -> None:
    sides = agreeing((1250,))
    strange_document(sides, 0)
    sides.references = frozenset({"EXP-20251101-9"})
    assert sides.compared().differences == ()


def test_what_the_erp_cannot_tell_is_stated_and_not_compared() -> None:
    sides = agreeing((1250,), (99,))
    sides.document(0, lines=None, currency=None)
    sides.document(1, lines=None)
    compared = sides.compared()
    assert compared.differences == ()
    assert compared.notes == (
        "The ERP does not tell the currency of one document: not compared",
        "The ERP does not tell the lines of 2 documents: not compared",
    )


def test_totals_that_no_difference_explains_are_themselves_a_difference() -> None:
    fine = Total("EUR", expensify=9, closed=2, under_way=3, ledger=4, erp=4)
    off = Total("USD", expensify=1000, ledger=1001, erp=1001)
    (one,) = unexplained([fine, off], report_told=False, document_told=False)
    assert (one.kind, one.currency, one.expected_cents, one.found_cents) == ("unexplained", "USD", 1000, 1001)
    assert unexplained([off], report_told=True, document_told=False) == []
    lost = Total("USD", expensify=5, ledger=5, erp=0)
    assert [one.found_cents for one in unexplained([lost], report_told=True, document_told=False)] == [0]
