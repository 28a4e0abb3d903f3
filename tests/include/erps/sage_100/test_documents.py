from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.erps.port import Line
from include.erps.sage_100.documents import amount, entry
from tests.include.erps.sage_100.conftest import journal, settings


def test_the_whole_body() -> None:
    draft = journal(
        "R1",
        Line(1, "600-01-00", 12500, {}, "TX 123 taxi"),
        Line(2, "610-01-00", -250, {}, "refund"),
        Line(3, "200-00-00", -12250),
        posting_date=date(2026, 11, 2),
    )
    assert entry(draft, settings()).as_json() == {
        "sourceJournal": "GJ",
        "postingDate": "2026-11-02",
        "externalReference": "R1",
        "journalComment": "Expensify report, J. Doe",
        "lines": [
            {"account": "600-01-00", "debitAmount": "125.00", "creditAmount": "0.00", "postingComment": "TX 123 taxi"},
            {"account": "610-01-00", "debitAmount": "0.00", "creditAmount": "2.50", "postingComment": "refund"},
            {"account": "200-00-00", "debitAmount": "0.00", "creditAmount": "122.50", "postingComment": ""},
        ],
    }


def test_source_journal_and_batch_are_settings() -> None:
    body = entry(journal(), settings(source_journal="EX", batch_number="00042")).as_json()
    assert (body["sourceJournal"], body["batchNo"]) == ("EX", "00042")


def test_texts_are_cut_and_made_storable() -> None:
    known = settings(sizes={"comment": 10, "line_comment": 4})
    draft = journal(
        "R1", Line(1, "6", 1, {}, "Š東\tx and more"), Line(2, "2", -1), description="Škoda, Łódź and everything"
    )
    made = entry(draft, known)
    assert (made.comment, made.lines[0].comment) == ("Skoda, Lód", "S? x")


@pytest.mark.parametrize(
    ("cents", "expected"),
    [(0, "0.00"), (5, "0.05"), (100, "1.00"), (12540, "125.40"), (99_999_999_999, "999999999.99")],
)
def test_amount(cents: int, expected: str) -> None:
    assert amount(cents) == expected


@given(st.lists(st.integers(-(10**11) + 1, 10**11 - 1).filter(bool), min_size=1, max_size=8))
def test_both_sides_add_up_to_the_draft(cents: list[int]) -> None:
    lines = [Line(number, "6", one) for number, one in enumerate(cents, start=1)]
    made = entry(journal("R1", *lines), settings())
    assert [line.debit_cents - line.credit_cents for line in made.lines] == cents
    assert all((line.debit_cents == 0) != (line.credit_cents == 0) for line in made.lines)
    assert all(line.debit_cents >= 0 and line.credit_cents >= 0 for line in made.lines)
