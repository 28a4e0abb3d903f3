from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.views import journal_list, ordering, upkeep
from include.ledger.views.journal_id import JournalId
from include.ledger.views.journal_list import JournalFilter, Sort, journals
from include.ledger.views.paging import Ask, Count, WrongCursor
from tests.include.ledger.company import TARGET, report
from tests.include.ledger.views.conftest import Two
from tests.include.ledger.views.filling import Size, fill, tenant

BOTH = ("midwest", "pacific")


def keys(two: Two, tenants: tuple[str, ...] = BOTH, **where: Any) -> list[str]:
    return sorted(row.id.key for row in journals(two.midwest.ledger, tenants, JournalFilter(**where)).rows)


def test_a_row_says_what_the_journal_is(two: Two) -> None:
    rows = {row.id.key: row for row in journals(two.midwest.ledger, ["midwest"]).rows}
    posted = rows["R1"]
    assert posted.id == JournalId("midwest", TARGET, "R1")
    assert (posted.state, posted.total_cents, posted.currency) == ("posted", 12_500, "USD")
    assert (posted.document_number, posted.reference, posted.reports) == ("412", "EXP-R1", 1)
    assert (posted.posting_date, posted.reason, posted.reasons) == (date(2026, 11, 20), None, 0)
    held = rows["R3"]
    assert (held.state, held.reasons, held.document_number) == ("held", 2, None)
    assert held.reason == "Category 'Gifts' has no account (report R3, 12.50 USD)"
    assert rows["R4"].reason == "The ERP refused the journal: Account 6100 is on hold (8.00 USD)"
    assert {key: row.state for key, row in rows.items()} == {
        "R1": "posted",
        "R2": "held",
        "R3": "held",
        "R4": "rejected",
        "R5": "drafted",
    }


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, ["P1", "R1", "R2", "R3", "R4", "R5"]),
        ({"tenants": ("pacific",)}, ["P1"]),
        ({"tenants": ("nobody",)}, []),
        ({"target": "plain:elsewhere"}, []),
        ({"target": TARGET, "states": ("rejected",)}, ["R4"]),
        ({"states": ("held", "rejected")}, ["R2", "R3", "R4"]),
        ({"posting_from": date(2026, 11, 6), "posting_to": date(2026, 11, 7)}, ["R4", "R5"]),
        ({"posting_from": date(2026, 11, 20)}, ["P1", "R1", "R2"]),
        ({"posting_to": date(2026, 11, 5)}, ["R3"]),
        ({"account": "6200"}, ["R1"]),
        ({"account": "6"}, ["P1", "R1", "R4", "R5"]),
        ({"account": "61", "states": ("drafted",)}, ["R5"]),
        ({"account": "6100", "text": "uber"}, ["P1", "R1"]),
        ({"account": "6200", "text": "uber"}, ["R1"]),
        ({"account": "9"}, []),
        ({"unfinished": True}, []),
        ({"text": "   "}, ["P1", "R1", "R2", "R3", "R4", "R5"]),
    ],
    ids=str,
)
def test_a_filter_leaves_the_journals_it_describes(two: Two, where: dict[str, Any], expected: list[str]) -> None:
    assert keys(two, **where) == expected


@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "just_written"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("R1", ["R1"]),
        ("r", ["R1", "R2", "R3", "R4", "R5"]),
        ("exp-r2", ["R2"]),
        ("412", ["R1"]),
        ("boston", ["R1"]),
        ("TRIP bos", ["R1"]),
        ("trip lyon", []),
        ("smith", ["R1", "R3"]),
        ("ann", ["P1", "R1", "R3"]),
        ("ann smi", ["R1", "R3"]),
        ("r2@example.com", ["R2"]),
        ("air lin", ["R1"]),
        ("uber", ["P1", "R1"]),
        ("ZOË'S", ["R2"]),
        ("caf", ["R2"]),
        ("ber", []),
        ("%", []),
        ("_", []),
    ],
)
def test_text_finds_beginnings_of_words(two: Two, text: str, expected: list[str], indexed: bool) -> None:
    if indexed:
        upkeep.catch_up(two.midwest.ledger)
    assert keys(two, text=text) == expected


def test_words_follow_what_changes(two: Two) -> None:
    upkeep.catch_up(two.midwest.ledger)
    with two.midwest.ledger.write() as connection:
        connection.execute(
            tables.report.update().where(tables.report.c.report_id == "R2").values(submitter_name="Carla Diaz")
        )
        connection.execute(
            tables.journal.update().where(tables.journal.c.journal_key == "R5").values(document_number="2026/77")
        )
    for indexed in (False, True):
        if indexed:
            upkeep.catch_up(two.midwest.ledger)
        assert keys(two, text="diaz") == ["R2"]
        assert keys(two, text="bob") == []
        assert keys(two, text="2026/77") == ["R5"]


@pytest.mark.parametrize("tenants", [(), ("nobody",), ("pacific",)], ids=["none", "unknown", "other"])
@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "just_written"])
@pytest.mark.parametrize(
    "where",
    [{}, {"tenants": ("midwest",)}, {"text": "smith"}, {"account": "6200"}, {"states": ("rejected",)}, {"text": "R1"}],
    ids=str,
)
def test_what_may_not_be_seen_is_not_found(
    two: Two, tenants: tuple[str, ...], where: dict[str, Any], indexed: bool
) -> None:
    if indexed:
        upkeep.catch_up(two.midwest.ledger)
    page = journals(two.midwest.ledger, tenants, JournalFilter(**where))
    assert [row.id.tenant for row in page.rows if row.id.tenant != "pacific"] == []
    if tenants != ("pacific",):
        assert (page.rows, page.total) == ((), Count(0))


@pytest.mark.parametrize(
    ("sort", "descending", "expected"),
    [
        ("posting_date", True, ["R2", "R1", "R5", "R4", "R3"]),
        ("posting_date", False, ["R3", "R4", "R5", "R1", "R2"]),
        ("total", True, ["R1", "R2", "R3", "R5", "R4"]),
        ("created_at", True, ["R5", "R4", "R3", "R2", "R1"]),
    ],
)
def test_a_page_is_in_its_order(two: Two, sort: Sort, descending: bool, expected: list[str]) -> None:
    page = journals(two.midwest.ledger, ["midwest"], sort=sort, descending=descending)
    assert [row.id.key for row in page.rows] == expected
    assert page.total == Count(5)


def test_journals_without_a_date_come_last_in_either_direction(two: Two) -> None:
    with two.midwest.ledger.write() as connection:
        connection.execute(
            tables.journal.update().where(tables.journal.c.journal_key.in_(["R1", "R4"])).values(posting_date=None)
        )
    for descending, dated in ((True, ["R2", "R5", "R3"]), (False, ["R3", "R5", "R2"])):
        undated = ["R4", "R1"] if descending else ["R1", "R4"]
        listed, back = walk(two.midwest.ledger, ["midwest"], descending=descending)
        assert listed == [*dated, *undated]
        assert back == listed


def walk(ledger: Ledger, tenants: list[str], size: int = 2, **how: Any) -> tuple[list[str], list[str]]:
    """All keys page by page forwards, and again backwards from the last page."""
    listed: list[str] = []
    page = journals(ledger, tenants, ask=Ask(size), **how)
    last = page
    while True:
        listed += [row.id.key for row in page.rows]
        last = page
        if page.next is None:
            break
        page = journals(ledger, tenants, ask=Ask(size, page.next), **how)
    back: list[str] = []
    page = last
    while True:
        back = [row.id.key for row in page.rows] + back
        if page.previous is None:
            break
        page = journals(ledger, tenants, ask=Ask(size, page.previous), **how)
    return listed, back


@pytest.mark.parametrize("sort", ["posting_date", "created_at", "total"])
@pytest.mark.parametrize("descending", [True, False], ids=["down", "up"])
@pytest.mark.parametrize("visible", [1, 3, 9], ids=["one", "some", "all"])
def test_pages_show_every_journal_once_in_both_directions(
    ledger: Ledger, sort: Sort, descending: bool, visible: int
) -> None:
    filling = fill(ledger, Size(1800, tenants=9))
    upkeep.catch_up(ledger)
    tenants = [tenant(number) for number in range(visible)]
    listed, back = walk(ledger, tenants, size=7, sort=sort, descending=descending)
    expected = {filling.key(number) for number in range(filling.size.journals) if number % 9 < visible}
    assert len(listed) == len(expected)
    assert set(listed) == expected
    assert back == listed


def test_a_page_stays_where_it_is_while_journals_come(two: Two) -> None:
    first = journals(two.midwest.ledger, ["midwest"], ask=Ask(2))
    assert [row.id.key for row in first.rows] == ["R2", "R1"]
    two.midwest.claim(report("R9", day=date(2026, 11, 25)))
    second = journals(two.midwest.ledger, ["midwest"], ask=Ask(2, first.next))
    assert [row.id.key for row in second.rows] == ["R5", "R4"]
    before = journals(two.midwest.ledger, ["midwest"], ask=Ask(2, second.previous))
    assert [row.id.key for row in before.rows] == ["R2", "R1"]
    assert before.previous is not None


@pytest.mark.parametrize("cursor", ["x", "AAAA", "W10", "bm9wZQ", "WzAsMV0", "ÄÖ"])
def test_a_damaged_cursor_is_refused(two: Two, cursor: str) -> None:
    with pytest.raises(WrongCursor):
        journals(two.midwest.ledger, ["midwest"], ask=Ask(2, cursor))


def test_a_cursor_of_another_order_is_refused(two: Two) -> None:
    first = journals(two.midwest.ledger, ["midwest"], ask=Ask(2))
    for how in ({"sort": "total"}, {"descending": False}):
        with pytest.raises(WrongCursor):
            journals(two.midwest.ledger, ["midwest"], ask=Ask(2, first.next), **how)  # type: ignore[arg-type]


def test_totals_are_exact_where_the_sums_know_them_and_bounded_elsewhere(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger, Size(4000, tenants=4))
    monkeypatch.setattr(ordering, "COUNTED_UP_TO", 30)
    every = [tenant(number) for number in range(4)]
    assert journals(ledger, every).total == Count(200)
    assert journals(ledger, every[:1]).total == Count(50)
    assert journals(ledger, every, JournalFilter(states=("held",))).total == Count(4)
    bounded = journals(ledger, every, JournalFilter(posting_from=date(2026, 1, 1))).total
    assert (bounded, bounded.text()) == (Count(30, exact=False), "more than 30")
    assert journals(ledger, every, JournalFilter(text="R00000003")).total == Count(1)


@pytest.mark.parametrize("few", [0, 3, 10_000], ids=["always_walks", "mixed", "always_reads_few"])
@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"text": "boston"}, lambda number: number % 3 == 0),
        ({"text": "trip lyon"}, lambda number: number % 3 == 1),
        ({"account": "6100-P1"}, lambda number: number % 2 == 1),
        ({"account": "6100-P1", "text": "austin"}, lambda number: number % 6 == 5),
        ({"text": "R0000001"}, lambda number: 10 <= number < 20),
    ],
    ids=["text", "words", "account", "both", "key"],
)
def test_both_ways_to_read_a_page_find_the_same(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, few: int, where: dict[str, Any], expected: Any
) -> None:
    filling = fill(ledger, Size(1200, tenants=3))
    upkeep.catch_up(ledger)
    monkeypatch.setattr(journal_list, "FEW", few)
    every = [tenant(number) for number in range(3)]
    listed, back = walk(ledger, every, size=9, where=JournalFilter(**where))
    assert sorted(listed) == [filling.key(number) for number in range(60) if expected(number)]
    assert back == listed


def test_unfinished_means_what_the_sums_count(ledger: Ledger) -> None:
    fill(ledger, Size(2000, tenants=5))
    every = [tenant(number) for number in range(5)]
    page = journals(ledger, every, JournalFilter(unfinished=True), ask=Ask(500))
    with ledger.read() as connection:
        posted = connection.execute(sa.select(tables.journal.c.erp_status, tables.journal.c.target)).all()
    waiting = [1 for status, of in posted if status in ("Work", "UNPOSTED") or (status and of.startswith("ifs_cloud"))]
    assert len(waiting) > 10
    assert page.total == Count(len(waiting))
    assert len(page.rows) == len(waiting)
    assert all(row.unfinished for row in page.rows)
