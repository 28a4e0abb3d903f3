from __future__ import annotations

from dataclasses import replace

from include.erps.port import DocumentList
from include.reconcile.moving import moved, without
from include.reconcile.notice import message_lines
from include.reconcile.sides import Books, Claimed, Difference, Spent
from tests.include.reconcile.three_sides import ThreeSides, agreeing


def books(sides: ThreeSides) -> Books:
    return Books(sides.journals, tuple(sides.expenses))


def test_a_journal_that_was_posted_meanwhile_has_moved() -> None:
    after = agreeing((1,), (2,), (3,))
    before = agreeing((1,), (2,), (3,))
    before.journal("J1", state="ready", document_number=None)
    del before.journals["J2"]
    assert moved(books(before), books(after), ()) == {"J1", "J2"}


def test_a_journal_with_a_report_that_came_too_late_has_moved() -> None:
    sides = agreeing((1,), (2,))
    assert moved(books(sides), books(sides), {"R1"}) == {"J1"}


def test_what_shares_a_report_with_it_is_left_out_with_it_and_nothing_else() -> None:
    sides = agreeing((1,), (2,), (3,))
    # R0 has an expense in J1 too.
    late = Claimed(Spent("late", 7, "Meals", True), "R0", "J1")
    whole = replace(books(sides), expenses=(*sides.expenses, late))
    reports, left, listed = without({"J0"}, sides.reports.values(), whole, DocumentList(tuple(sides.documents)))
    assert [report.report_id for report in reports] == ["R2"]
    assert list(left.journals) == ["J2"]
    assert {one.report_id for one in left.expenses} == {"R2"}
    assert [one.reference for one in listed.documents] == ["EXP-J2"]
    assert listed.gaps == ("2 journals changed while they were compared: left to the next run",)


def test_where_nothing_moves_nothing_is_left_out() -> None:
    sides = agreeing((1,))
    listed = DocumentList(tuple(sides.documents), ("a gap",))
    assert without((), sides.reports.values(), books(sides), listed) == (
        list(sides.reports.values()),
        books(sides),
        listed,
    )


def test_a_notice_tells_the_first_ten_and_how_many_there_are() -> None:
    found = [Difference("deleted", f"Report R{at} went", "Find out why", "USD", 0, 1, f"R{at}") for at in range(12)]
    lines = message_lines("acme", "reconcile__acme", "scheduled__1", found)
    assert lines[0] == "acme: 12 differences between Expensify, the ledger and the ERP"
    assert lines[1:3] == ["- Report R0 went", "  What to do: Find out why"]
    assert len(lines) == 1 + 20 + 2
    assert lines[-2:] == ["... and 2 more", "Run scheduled__1 of reconcile__acme; all of them stand on the ledger page"]
    assert message_lines("acme", "d", "r", found[:1])[0] == (
        "acme: 1 difference between Expensify, the ledger and the ERP"
    )
