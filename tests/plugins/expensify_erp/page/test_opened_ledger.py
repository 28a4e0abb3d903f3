"""One open ledger per process, that follows its connection."""

from __future__ import annotations

from pathlib import Path

import pytest
from expensify_erp.page.opened_ledger import OpenedLedger
from fastapi.testclient import TestClient

from include.errors import Misconfigured, Retryable
from include.ledger.database import Ledger
from tests.plugins.expensify_erp.page.conftest import HTML


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Opening:
    """Stands for the hook; ``file`` is where the connection leads at the moment."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.times = 0

    def __call__(self) -> Ledger:
        self.times += 1
        made = Ledger(f"sqlite:///{self.file}")
        made.create_if_missing()
        return made


def test_it_is_opened_once_and_not_per_request(tmp_path: Path) -> None:
    opening, clock = Opening(tmp_path / "a.db"), Clock()
    opened = OpenedLedger(opening, clock)
    assert opened() is opened() is opened()
    assert opening.times == 1


def test_a_changed_connection_counts_within_half_a_minute(tmp_path: Path) -> None:
    opening, clock = Opening(tmp_path / "a.db"), Clock()
    opened = OpenedLedger(opening, clock)
    first = opened()
    opening.file = tmp_path / "b.db"
    assert opened() is first
    clock.now += 31
    assert str(opened().url).endswith("b.db")
    clock.now += 31
    again = opened()
    clock.now += 31
    assert opened() is again, "the same address is not opened anew"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Retryable("the connection expense_ledger cannot be read now"), 503),
        (Misconfigured("the ledger lives in sqlite or postgres"), 500),
    ],
    ids=["later", "wrong"],
)
def test_a_ledger_that_cannot_be_opened_says_why(
    admin: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fails() -> Ledger:
        raise error

    monkeypatch.setattr("expensify_erp.page.opened_ledger.opened_ledger", fails)
    answer = admin.get("/journals", headers=HTML)
    assert answer.status_code == status
    assert str(error) in answer.text
    assert admin.get("/journals.csv").json() == {"detail": str(error)}
