"""The rules see what they are for: in a world where all is well one thing is made wrong by hand, and they must name it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.ledger import marks, tables
from include.ledger.journals import Scope
from tests.e2e.erps import ERPS
from tests.e2e.erps.under_test import Document
from tests.e2e.reports import Expense
from tests.sequences.driver import RuleBroken, Sequence, play
from tests.sequences.world import world


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Sequence]:
    """Two reports of two days, posted in two journals, and marked."""
    with world(ERPS[0], 1, tmp_path / "world") as made:
        sequence = Sequence(made, "planted")
        for identity, days_ago in (("R1", 1), ("R2", 2)):
            report = sequence.people._made(identity, made.day(days_ago), [Expense("Meals", 1250)])
            with made.sandbox.lock:
                made.sandbox.expensify.add_report(report)
        sequence.manual_run()
        assert [row["state"] for row in made.view().journals] == ["posted", "posted"]
        assert made.marked() == {"R1", "R2"}
        assert sequence.rules.broken() == []
        yield sequence


def _keys(sequence: Sequence) -> tuple[str, str]:
    """The journals of the second report and of the first one."""
    older, newer = sorted(row["journal_key"] for row in sequence.world.view().journals)
    return older, newer


def _write(sequence: Sequence, statement: sa.Update | sa.Delete) -> None:
    with sequence.world.ledger.write() as connection:
        connection.execute(statement)


def _show(sequence: Sequence, monkeypatch: pytest.MonkeyPatch, documents: list[Document]) -> None:
    monkeypatch.setattr(sequence.world.company, "documents", lambda: documents)


def test_a_second_document_of_a_journal_is_seen(played: Sequence, monkeypatch: pytest.MonkeyPatch) -> None:
    older, _ = _keys(played)
    first, *others = sorted(played.world.company.documents(), key=lambda one: one.reference)
    _show(played, monkeypatch, [first, dataclasses.replace(first, number="2026/99"), *others])
    assert played.rules.broken() == [f"{older} (posted) stands 2 times in the ERP"]


def test_a_second_document_under_another_reference_is_seen(played: Sequence, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = played.world.company.documents()
    _show(played, monkeypatch, [first, dataclasses.replace(first, reference="T1-20200101-1"), *others])
    assert played.rules.broken() == ["the ERP has 'T1-20200101-1', which no journal names"]


def test_a_posting_that_the_erp_does_not_have_is_seen(played: Sequence, monkeypatch: pytest.MonkeyPatch) -> None:
    older, _ = _keys(played)
    _, *others = sorted(played.world.company.documents(), key=lambda one: one.reference)
    _show(played, monkeypatch, others)
    assert played.rules.broken() == [f"{older} is posted and the ERP does not have it"]


def test_a_cent_too_much_in_the_erp_is_seen(played: Sequence, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = played.world.company.documents()
    (account, cents), *lines = first.lines
    _show(played, monkeypatch, [dataclasses.replace(first, lines=((account, cents + 1), *lines)), *others])
    (found,) = played.rules.broken()
    assert "the ERP has" in found


def test_an_expense_that_is_in_a_second_journal_is_seen(played: Sequence) -> None:
    """It was posted with the one journal and is claimed by the other: the first one's lines are sums of nothing."""
    older, newer = _keys(played)
    _write(played, tables.expense.update().where(tables.expense.c.journal_key == older).values(journal_key=newer))
    found = played.rules.broken()
    assert f"acme {older}: its lines are not the sums of its expenses" in found
    assert f"{older} was changed after it was posted" in found
    assert f"is in {newer}, its report R2 is not" in "\n".join(found)


def test_an_expense_counted_twice_is_seen(played: Sequence) -> None:
    """The ledger's key forbids it; the rule does not rely on that."""
    view = played.world.view()
    twice = dataclasses.replace(view, expenses=[*view.expenses, view.expenses[0]])
    assert played.rules._expenses(twice) == [f"expense {view.expenses[0]['transaction_id']} is in two journals"]


def test_a_posted_journal_that_is_posted_no_more_is_seen(played: Sequence) -> None:
    older, _ = _keys(played)
    _write(played, tables.journal.update().where(tables.journal.c.journal_key == older).values(state="held"))
    found = played.rules.broken()
    assert f"{older} is held and stands in the ERP" in found
    assert f"{older} was posted and is held" in found


def test_a_mark_of_a_report_in_no_journal_is_seen(played: Sequence) -> None:
    with played.world.sandbox.lock:
        played.world.sandbox.expensify.labels["R3"] = {"posted-by-sequence"}
    assert played.rules.broken() == ["R3 is marked and in no journal"]


def test_a_report_that_nobody_read_is_seen_at_the_end(played: Sequence) -> None:
    made = played.world
    report = played.people._made("R3", made.day(1), [Expense("Meals", 700)])
    with made.sandbox.lock:
        made.sandbox.expensify.add_report(report)
    assert played.rules.broken() == []
    (found,) = played.rules.broken_at_the_end()
    assert found.startswith("R3 has ")
    assert found.endswith("and nobody is told")


def test_marks_before_the_posting_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every report that is read is marked at once, whatever became of its journals."""

    def to_mark(connection: sa.Connection, scope: Scope) -> list[str]:
        query = sa.select(tables.report.c.report_id).where(tables.report.c.exported_at.is_(None))
        return list(connection.execute(query).scalars())

    monkeypatch.setattr(marks, "to_mark", to_mark)
    with pytest.raises(RuleBroken, match=r"(?s)erp syspro, seed \d+, after.*RT1N\d+ was marked before .* was posted"):
        for seed in (5, 8, 4):
            play(ERPS[0], seed, 10, tmp_path / f"world-{seed}")
