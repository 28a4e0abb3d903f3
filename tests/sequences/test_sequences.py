"""A few short sequences in every test run; thousands of steps by `make e2e-random`. And the rules can see what they are for."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.erps.port import Draft, ErpDocument
from include.erps.syspro.client import SysproErp
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
    with pytest.raises(RuleBroken, match=r"(?s)erp syspro, seed \d+, after.*stands 2 times in the ERP"):
        for seed in (2, 6, 10):
            play(ERPS[0], seed, 25, tmp_path / f"world-{seed}")
