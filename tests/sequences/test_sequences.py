"""A few short sequences in every test run; thousands of steps by `make e2e-random`. And the rules can see what they are for."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from include.erps.port import Draft, ErpDocument
from include.erps.syspro.client import SysproErp
from tests.e2e.erps import ERPS
from tests.e2e.erps.under_test import ErpUnderTest
from tests.e2e.reports import Expense
from tests.sequences.driver import RuleBroken, Sequence, play
from tests.sequences.world import world

STEPS = 14


@pytest.mark.parametrize("erp", ERPS, ids=[erp.name for erp in ERPS])
def test_whatever_happens_every_rule_holds(erp: ErpUnderTest, tmp_path: Path) -> None:
    outcome = play(erp, 2, STEPS, tmp_path / "world")
    assert outcome.states.get("posted"), "nothing was tried"


def test_a_process_may_die_anywhere_in_a_load(tmp_path: Path) -> None:
    """Also between its lease and its create, which then never takes effect: a second empty look-up lets it go on."""
    with world(ERPS[0], 1, tmp_path / "world") as made:
        sequence = Sequence(made, "a death in load")
        for boundary in count(12):
            deaths = sequence.kills
            line = Expense("Meals", 1250)
            with made.sandbox.lock:
                made.sandbox.expensify.add_report(sequence.people._made(f"R{boundary}", made.day(1), [line]))
            said = sequence._play(sequence._run("manual", report_ids=[f"R{boundary}"]), dies_at=("load", boundary))
            assert said == "extract ok, transform ok, validate ok, load 0 ok, acknowledge ok", boundary
            assert sequence.rules.broken() == []
            if sequence.kills == deaths:
                break
        assert sequence.kills >= 15, "the load was over too soon"
        assert len(made.company.documents()) == sequence.kills + 1


def test_a_look_up_that_never_finds_anything_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one thing that keeps a journal single is taken away: the rules must see the second posting."""

    def find(self: SysproErp, draft: Draft) -> list[ErpDocument]:
        return []

    monkeypatch.setattr(SysproErp, "find", find)
    with pytest.raises(RuleBroken, match=r"(?s)erp syspro, seed \d+, after.*stands 2 times in the ERP"):
        for seed in (2, 6, 10):
            play(ERPS[0], seed, 25, tmp_path / f"world-{seed}")
