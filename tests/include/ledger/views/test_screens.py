"""Each screen over the small ledger of :mod:`conftest`, with values counted by hand; and what may not be seen stays unseen."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.views import one_journal, upkeep
from include.ledger.views.csv_text import cell, cents
from include.ledger.views.expense_list import ExpenseFilter, expenses
from include.ledger.views.exports import audit_walk_csv, expenses_csv, findings_csv, holds_csv, journals_csv
from include.ledger.views.finding_list import FindingFilter, findings
from include.ledger.views.holds import Cause, held_journals, holds
from include.ledger.views.journal_id import JournalId
from include.ledger.views.one_journal import journal, journal_expenses
from include.ledger.views.overview import Amount, overview
from include.ledger.views.paging import Ask, Count
from include.ledger.views.replaying import boxes_in
from include.ledger.views.report_list import ReportFilter, reports
from include.ledger.views.run_list import runs
from include.ledger.views.tenant_names import tenant_names
from tests.include.ledger.company import START, TARGET, expense, report
from tests.include.ledger.views.conftest import Two

MINE = ["midwest"]
NOT_MINE: list[list[str]] = [[], ["nobody"]]


def test_overview_adds_up_each_state(two: Two) -> None:
    for folded in (False, True):
        if folded:
            upkeep.catch_up(two.midwest.ledger)
        seen = overview(two.midwest.ledger, MINE, date(2026, 11, 30))
        (company,) = seen.tenants
        (usd,) = company.amounts
        assert (company.tenant, company.target, usd.currency) == ("midwest", TARGET, "USD")
        assert (usd.posted, usd.held, usd.rejected) == (Amount(1, 12_500), Amount(2, 4_750), Amount(1, 800))
        assert (usd.waiting, usd.conflict, usd.closed, usd.unfinished) == (Amount(1, 999), Amount(), Amount(), Amount())
        assert company.oldest_hold == START
        assert company.last_run is not None
        assert company.last_run.run_id == "run-2"
        bars = {(bar.month, bar.currency, bar.state): (bar.journals, bar.cents) for bar in seen.months}
        assert bars == {
            ("2026-11", "USD", "drafted"): (1, 999),
            ("2026-11", "USD", "held"): (2, 4_750),
            ("2026-11", "USD", "posted"): (1, 12_500),
            ("2026-11", "USD", "rejected"): (1, 800),
        }


@pytest.mark.parametrize(
    ("today", "months", "shown"),
    [
        (date(2026, 11, 1), 1, True),
        (date(2026, 12, 31), 2, True),
        (date(2026, 12, 1), 1, False),
        (date(2027, 10, 1), 12, True),
    ],
)
def test_the_chart_shows_as_many_months_as_asked(two: Two, today: date, months: int, shown: bool) -> None:
    assert bool(overview(two.midwest.ledger, MINE, today, months).months) is shown


def test_holds_are_grouped_by_cause_with_what_to_change(two: Two) -> None:
    gifts, rejected, toys = sorted(holds(two.midwest.ledger, MINE).rows, key=lambda group: -group.cents)
    assert gifts.cause == Cause("midwest", TARGET, "category_unmapped", "Gifts", "USD")
    assert gifts.message == "Category 'Gifts' has no account"
    assert gifts.fix.startswith("Write it under `mapping.gl_account.values` in midwest.yaml")
    assert (gifts.journals, gifts.reports, gifts.cents, gifts.messages) == (2, 2, 4_250, 1)
    by_subject = {group.cause.subject: group for group in (rejected, toys)}
    assert (by_subject["Toys"].journals, by_subject["Toys"].cents) == (1, 500)
    refused = next(group for group in (rejected, toys) if group.cause.code == "rejected")
    assert refused.cause.message == "The ERP refused the journal: Account 6100 is on hold"
    assert (refused.journals, refused.reports, refused.cents) == (1, 1, 800)
    assert holds(two.midwest.ledger, MINE).total == Count(3)


def test_hold_pages_join_without_a_gap(two: Two) -> None:
    first = holds(two.midwest.ledger, MINE, ask=Ask(2))
    second = holds(two.midwest.ledger, MINE, ask=Ask(2, first.next))
    assert [len(first.rows), len(second.rows), first.previous, second.next] == [2, 1, None, None]
    assert holds(two.midwest.ledger, MINE, ask=Ask(2, second.previous)).rows == first.rows
    assert {group.cause for group in (*first.rows, *second.rows)} == {
        group.cause for group in holds(two.midwest.ledger, MINE).rows
    }


def test_a_held_journal_knows_the_boxes_to_clear_newest_run_first(two: Two) -> None:
    gifts = Cause("midwest", TARGET, "category_unmapped", "Gifts", "USD")
    page = held_journals(two.midwest.ledger, MINE, gifts)
    assert {held.row.id.key: held.cents for held in page.rows} == {"R2": 3_000, "R3": 1_250}
    boxes = {held.row.id.key: [(box.run_id, box.map_index) for box in held.boxes] for held in page.rows}
    assert boxes == {"R2": [("run-2", None), ("run-1", None)], "R3": [("run-1", None)]}
    assert page.total == Count(2)


@pytest.mark.parametrize(
    ("size", "position", "index", "shared"),
    [(1, 0, 0, False), (1, 998, 998, False), (1, 1003, 999, True), (3, 7, 2, True)],
)
def test_a_position_maps_to_its_box(two: Two, size: int, position: int, index: int, shared: bool) -> None:
    ledger = two.midwest.ledger
    with ledger.write() as connection:
        connection.execute(tables.run.update().values(box_size=size))
        mine = tables.run_journal.c
        connection.execute(
            tables.run_journal.update()
            .where(mine.journal_key == "R3", mine.run_id == "run-1")
            .values(position=position + 5000)
        )
        connection.execute(
            tables.run_journal.update().where(mine.position != position + 5000).values(position=mine.position + 9000)
        )
        connection.execute(tables.run_journal.update().where(mine.journal_key == "R3").values(position=position))
    name = JournalId("midwest", TARGET, "R3")
    with ledger.read() as connection:
        (box,) = boxes_in(connection, [name])[name]
    assert (box.map_index, box.shared) == (index, shared)


def test_a_journal_without_a_run_has_no_box(two: Two) -> None:
    name = JournalId("pacific", TARGET, "P1")
    with two.midwest.ledger.read() as connection:
        assert boxes_in(connection, [name]) == {name: ()}


def test_one_journal_shows_what_made_it_and_what_happened_to_it(two: Two) -> None:
    ledger = two.midwest.ledger
    shown = journal(ledger, MINE, "midwest", TARGET, "R1")
    assert shown is not None
    lines = [(line.account, line.amount_cents, line.expenses) for line in shown.lines]
    assert lines == [("6100", 2_500, 1), ("6200", 10_000, 1), ("2150", -12_500, 2)]
    assert shown.lines[0].rule == "mapping.gl_account.values['Meals']"
    (of,) = shown.reports.rows
    assert (of.name, of.employee_name, of.total_cents, of.expenses) == ("Trip to Boston", "Ann Smith", 12_500, 2)
    assert [(step.who, step.at) for step in of.approvals] == [
        ("Lea Lead", "2026-11-19T10:00:00+00:00"),
        ("fin@example.com", "2026-11-20"),
    ]
    assert [(event.from_state, event.to_state) for event in shown.events] == [
        *((None, "drafted"), ("drafted", "ready"), ("ready", "posting"), ("posting", "posted")),
    ]
    (attempt,) = shown.attempts
    assert (attempt.outcome, attempt.document) == ("posted", "<document/>")
    task = attempt.task
    assert (task.dag_id, task.run_id, task.task_id, task.map_index, task.try_number) == (
        *("expenses__midwest", "run-1", "load", 0, 1),
    )
    assert [box.run_id for box in shown.boxes] == ["run-1"]
    behind = journal_expenses(ledger, MINE, "midwest", TARGET, "R1")
    first, second = behind.rows
    assert (first.transaction_id, first.merchant, first.account, first.amount_cents) == (
        "x1",
        "Delta Air Lines",
        "6200",
        10_000,
    )
    assert (second.card, second.tags, second.employee_name) == ("Amex 1234", ("Plant 1",), "Ann Smith")
    meals = journal_expenses(ledger, MINE, "midwest", TARGET, "R1", line=1)
    assert [row.transaction_id for row in meals.rows] == ["x2"]
    first_page = journal_expenses(ledger, MINE, "midwest", TARGET, "R1", ask=Ask(1))
    paged = journal_expenses(ledger, MINE, "midwest", TARGET, "R1", ask=Ask(1, first_page.next))
    assert [row.transaction_id for row in paged.rows] == ["x2"]


def test_a_cards_journal_and_its_report_are_related(new_company: Callable[..., Any]) -> None:
    company = new_company(erp={"document": "bill"}, posting={"per": "report", "company_card": "journal"})
    company.claim(report("R1", expense("x1"), expense("x2", 500, reimbursable=False)))
    shown = journal(company.ledger, MINE, "midwest", TARGET, "R1")
    assert shown is not None
    assert [(other.id.key, other.total_cents) for other in shown.related] == [("R1-C", 500)]


@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "just_written"])
@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, ["x1", "x2", "x3", "x4", "x5", "x6", "x7"]),
        ({"text": "x4"}, ["x4"]),
        ({"text": "R3"}, ["x4", "x5"]),
        ({"text": "uber"}, ["x2"]),
        ({"text": "boston"}, ["x1", "x2"]),
        ({"text": "smith"}, ["x1", "x2", "x4", "x5"]),
        ({"text": "ann delta"}, ["x1"]),
        ({"text": "nothing"}, []),
        ({"transaction_id": "x6"}, ["x6"]),
        ({"transaction_id": "y1"}, []),
        ({"report_id": "R1"}, ["x1", "x2"]),
        ({"report_id": "R1", "text": "uber"}, ["x2"]),
        ({"tenants": ("pacific",)}, []),
    ],
    ids=str,
)
def test_an_expense_is_found(two: Two, where: dict[str, Any], expected: list[str], indexed: bool) -> None:
    if indexed:
        upkeep.catch_up(two.midwest.ledger)
    ledger = two.midwest.ledger
    page = expenses(ledger, MINE, ExpenseFilter(**where))
    assert [row.transaction_id for row in page.rows] == expected
    assert page.total == Count(len(expected))
    first = expenses(ledger, MINE, ExpenseFilter(**where), Ask(1))
    if len(expected) > 1:
        second = expenses(ledger, MINE, ExpenseFilter(**where), Ask(1, first.next))
        assert [row.transaction_id for row in second.rows] == expected[1:2]
        assert expenses(ledger, MINE, ExpenseFilter(**where), Ask(1, second.previous)).rows == first.rows


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, ["R1", "R2", "R3", "R4", "R5"]),
        ({"text": "R2"}, ["R2"]),
        ({"text": "r2@example.com"}, ["R2"]),
        ({"text": "smith"}, ["R1", "R3"]),
        ({"text": "trip bos"}, ["R1"]),
        ({"report_id": "R4"}, ["R4"]),
        ({"text": "secret"}, []),
    ],
    ids=str,
)
def test_a_report_is_found_with_its_places(two: Two, where: dict[str, Any], expected: list[str]) -> None:
    page = reports(two.midwest.ledger, MINE, ReportFilter(**where))
    assert [row.report_id for row in page.rows] == expected
    for row in page.rows:
        assert [place.journal.key for place in row.places] == [row.report_id]
    if expected and expected[0] == "R1":
        assert (page.rows[0].places[0].state, page.rows[0].places[0].document_number) == ("posted", "412")


def test_findings_come_newest_first_and_filtered(two: Two) -> None:
    ledger = two.midwest.ledger
    with ledger.write() as connection:
        for number, (owner, kind, settled) in enumerate(
            [("midwest", "total_differs", None), ("midwest", "changed", START), ("pacific", "changed", None)]
        ):
            connection.execute(
                tables.finding.insert().values(
                    tenant=owner,
                    target=TARGET,
                    kind=kind,
                    message=f"m{number}",
                    fingerprint=f"f{number}",
                    at=START + timedelta(minutes=number),
                    settled_at=settled,
                    journal_key=f"R{number + 1}",
                )
            )
    assert [row.message for row in findings(ledger, MINE).rows] == ["m1", "m0"]
    assert [row.message for row in findings(ledger, MINE, FindingFilter(open_only=True)).rows] == ["m0"]
    assert [row.message for row in findings(ledger, MINE, FindingFilter(kinds=("changed",))).rows] == ["m1"]
    assert [row.message for row in findings(ledger, ["midwest", "pacific"], FindingFilter(journal_key="R3")).rows] == [
        "m2"
    ]
    second = findings(ledger, MINE, ask=Ask(1, findings(ledger, MINE, ask=Ask(1)).next))
    assert [row.message for row in second.rows] == ["m0"]


def test_runs_come_newest_first(two: Two) -> None:
    page = runs(two.midwest.ledger, MINE)
    assert [(row.run_id, row.journals) for row in page.rows] == [("run-2", 2), ("run-1", 4)]
    first = runs(two.midwest.ledger, MINE, ask=Ask(1))
    second = runs(two.midwest.ledger, ["midwest", "pacific"], ask=Ask(1, first.next))
    assert [row.run_id for row in second.rows] == ["run-1"]
    assert tenant_names(two.midwest.ledger) == ["midwest", "pacific"]


@pytest.mark.parametrize("tenants", NOT_MINE, ids=["none", "unknown"])
def test_who_may_see_nothing_sees_nothing(two: Two, tenants: list[str]) -> None:
    ledger = two.midwest.ledger
    upkeep.catch_up(ledger)
    seen = overview(ledger, tenants, date(2026, 11, 30))
    assert (seen.tenants, seen.months) == ((), ())
    assert journal(ledger, tenants, "midwest", TARGET, "R1") is None
    cause = Cause("midwest", TARGET, "category_unmapped", "Gifts", "USD")
    pages: list[Any] = [
        journal_expenses(ledger, tenants, "midwest", TARGET, "R1"),
        expenses(ledger, tenants),
        expenses(ledger, tenants, ExpenseFilter(text="x1")),
        expenses(ledger, tenants, ExpenseFilter(text="uber", tenants=("midwest",))),
        reports(ledger, tenants),
        reports(ledger, tenants, ReportFilter(text="R1")),
        reports(ledger, tenants, ReportFilter(text="smith")),
        holds(ledger, tenants),
        holds(ledger, tenants, MINE),
        held_journals(ledger, tenants, cause),
        findings(ledger, tenants),
        runs(ledger, tenants),
        runs(ledger, tenants, MINE),
    ]
    assert [(page.rows, page.total) for page in pages] == [((), Count(0))] * len(pages)
    for text in (journals_csv, expenses_csv, holds_csv, findings_csv, audit_walk_csv):
        assert len(list(csv.reader(io.StringIO("".join(text(ledger, tenants)))))) == 1  # type: ignore[operator]


def test_another_tenants_rows_stay_out_of_every_export(two: Two) -> None:
    for text in (journals_csv, expenses_csv, holds_csv, findings_csv, audit_walk_csv):
        whole = "".join(text(two.midwest.ledger, MINE))  # type: ignore[operator]
        assert "pacific" not in whole
        assert "Secret" not in whole


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_audit_walk_goes_from_each_expense_to_its_document(two: Two) -> None:
    rows = {row["expense"]: row for row in table("".join(audit_walk_csv(two.midwest.ledger, MINE)))}
    assert sorted(rows) == ["x1", "x2", "x3", "x4", "x5", "x6", "x7"]
    x1 = rows["x1"]
    assert (x1["journal"], x1["document number"], x1["debit line"], x1["account"]) == ("R1", "412", "2", "6200")
    assert (x1["amount"], x1["currency"], x1["credit account"], x1["report total"]) == (
        "100.00",
        "USD",
        "2150",
        "125.00",
    )
    assert x1["approved by"] == "Lea Lead 2026-11-19T10:00:00+00:00; fin@example.com 2026-11-20"
    assert rows["x6"]["amount"] == "-8.00"


def test_exports_hold_what_the_lists_show(two: Two) -> None:
    listed = table("".join(journals_csv(two.midwest.ledger, MINE)))
    assert [row["journal"] for row in listed] == ["R2", "R1", "R5", "R4", "R3"]
    assert (listed[1]["total debit"], listed[1]["document number"]) == ("125.00", "412")
    held = {row["subject"]: row for row in table("".join(holds_csv(two.midwest.ledger, MINE)))}
    assert (held["Gifts"]["amount"], held["Gifts"]["reports"]) == ("42.50", "2")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("  =1", "'  =1"),
        ("\r=1", "'\r=1"),
        ("a=1", "a=1"),
        ("", ""),
        (None, ""),
        (True, "yes"),
        (7, "7"),
        (cents(-1240), "-12.40"),
        (cents(None), ""),
        (date(2026, 11, 1), "2026-11-01"),
    ],
    ids=repr,
)
def test_a_cell_is_never_a_formula(value: object, written: str) -> None:
    assert cell(value) == written


def test_a_merchant_cannot_smuggle_a_formula_into_an_export(two: Two) -> None:
    ledger: Ledger = two.midwest.ledger
    with ledger.write() as connection:
        connection.execute(tables.expense.update().values(merchant='=HYPERLINK("x","y")'))
        connection.execute(tables.report.update().values(name="+1", submitter_name="@x", approvers=[{"name": "-1"}]))
    for row in table("".join(audit_walk_csv(ledger, MINE))):
        assert row["merchant"] == '\'=HYPERLINK("x","y")'
        assert (row["report name"], row["employee"], row["approved by"]) == ("'+1", "'@x", "'-1")


@pytest.mark.parametrize("sorted_up_to", [0, 10_000], ids=["walked", "sorted"])
def test_expenses_of_a_journal_are_paged_alike_however_many_it_has(
    two: Two, monkeypatch: pytest.MonkeyPatch, sorted_up_to: int
) -> None:
    monkeypatch.setattr(one_journal, "SORTED_UP_TO", sorted_up_to)
    ledger = two.midwest.ledger
    first = journal_expenses(ledger, MINE, "midwest", TARGET, "R1", ask=Ask(1))
    second = journal_expenses(ledger, MINE, "midwest", TARGET, "R1", ask=Ask(1, first.next))
    back = journal_expenses(ledger, MINE, "midwest", TARGET, "R1", ask=Ask(1, second.previous))
    assert [[row.transaction_id for row in page.rows] for page in (first, second, back)] == [["x1"], ["x2"], ["x1"]]
    assert second.next is None
