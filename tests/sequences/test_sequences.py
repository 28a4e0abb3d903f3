"""A few short sequences in every test run; thousands of steps by `make e2e-random`. And the rules can see what they are for."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.erps.port import Draft, ErpDocument
from include.erps.syspro.client import SysproErp
from include.ledger import marks
from tests.e2e.erps import ERPS
from tests.e2e.erps.under_test import ErpUnderTest
from tests.sequences.driver import RuleBroken, play

STEPS = 14


@pytest.mark.parametrize("erp", ERPS, ids=[erp.name for erp in ERPS])
def test_whatever_happens_every_rule_holds(erp: ErpUnderTest, tmp_path: Path) -> None:
    outcome = play(erp, 2, STEPS, tmp_path / "world")
    assert outcome.states.get("posted"), "nothing was tried"


def test_a_look_up_that_never_finds_anything_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one thing that keeps a journal single is taken away: the rules must see the second posting."""

    def find(self: SysproErp, draft: Draft) -> list[ErpDocument]:
        return []

    monkeypatch.setattr(SysproErp, "find", find)
    with pytest.raises(RuleBroken, match=r"(?s)erp syspro, seed \d+, after.*stands 2 times in the ERP") as caught:
        for seed in range(1, 8):
            play(ERPS[0], seed, 40, tmp_path / f"world-{seed}")
    assert "run_with_faults" in str(caught.value), "the steps are named"


def test_a_mark_before_the_posting_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to_mark = marks.to_mark

    def hasty(connection, scope):  # type: ignore[no-untyped-def]
        members = connection.exec_driver_sql("SELECT DISTINCT report_id FROM journal_report")
        return sorted({row[0] for row in members} | set(to_mark(connection, scope)))

    monkeypatch.setattr(marks, "to_mark", hasty)
    with pytest.raises(RuleBroken, match="was marked before"):
        for seed in range(1, 8):
            play(ERPS[0], seed, 30, tmp_path / f"world-{seed}")
