"""The flow back into Expensify, over its sandbox; the ERP side is a list of what it would say."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from expensify_erp.operators.reference_data import ReferenceDataOperator

from include.errors import Misconfigured
from include.reference_data.source import CostCenter, Employee
from include.sandbox.expensify import Policy
from tests.plugins.expensify_erp.operators.conftest import TENANT, World


class TellingErp:
    """An ERP session that can tell all three."""

    def __init__(self) -> None:
        self.people = [
            Employee("1", "boss@acme.example", "Bo", "Ss", "1", True),
            Employee("2", "ann@acme.example", "Ann", "Lee", "1", True),
            Employee("3", None, "No", "Mail", "1", True),
        ]
        self.asked: list[datetime | None] = []

    def changed_employees(self, since: datetime | None) -> list[Employee]:
        self.asked.append(since)
        return self.people

    def active_gl_accounts(self) -> set[str]:
        return {"6100"}

    def known_cost_centers(self) -> list[CostCenter]:
        return [CostCenter("P1", "Plant 1", True)]

    def __enter__(self) -> TellingErp:
        return self

    def __exit__(self, *_: object) -> None:
        return None


@pytest.fixture
def erp(world: World, monkeypatch: pytest.MonkeyPatch) -> TellingErp:
    told = TellingErp()
    monkeypatch.setattr(ReferenceDataOperator, "open_erp", lambda self, tenant, ledger: told)
    section = 'reference_data: {policies: ["A1"], employees: true, gl_codes: true, cost_centers: true}\n'
    (world.tenants / "acme.yaml").write_text(TENANT + section)
    world.sandbox.expensify.policies["A1"] = Policy(
        "A1",
        "Acme",
        categories=[{"name": "Meals", "enabled": True, "glCode": "6000"}, {"name": "Gifts", "enabled": True}],
        tags=[{"name": "Plant", "tags": [{"name": "Hand made", "enabled": True, "glCode": ""}]}],
        employees=[
            {"email": "boss@acme.example", "employeeID": "1", "submitsTo": "boss@acme.example", "role": "admin"}
        ],
    )
    return told


def synchronise(world: World, **params: Any) -> list[str]:
    run = world.airflow.run("acme", "manual", None, **params)
    return ReferenceDataOperator(task_id="synchronise", tenant="acme").execute(run.context("synchronise"))  # type: ignore[arg-type]


def test_a_dry_run_stores_the_difference_and_sends_nothing(world: World, erp: TellingErp) -> None:
    lines = synchronise(world, dry_run=True)
    assert [line.split(":")[0] for line in lines] == [
        "skip employee 3 in policy A1",
        "add employee ann@acme.example in policy A1",
        "skip category Gifts in policy A1",
        "change category Meals in policy A1",
        "add tag Plant 1 in policy A1",
        "keep tag Hand made in policy A1",
    ]
    assert [job.operation for job in world.sandbox.expensify.jobs] == ["get:policy"]
    assert world.rows("SELECT DISTINCT applied FROM reference_change") == [(False,)] or world.rows(
        "SELECT DISTINCT applied FROM reference_change"
    ) == [(0,)]


def test_the_difference_is_sent_and_then_there_is_none(world: World, erp: TellingErp) -> None:
    synchronise(world)
    policy = world.sandbox.expensify.policies["A1"]
    assert {row["name"]: row.get("glCode") for row in policy.categories}["Meals"] == "6100"
    assert [tag["name"] for tag in policy.tags[0]["tags"]] == ["Hand made", "Plant 1"]
    assert "ann@acme.example" in {row["email"] for row in policy.employees}
    sent = len(world.sandbox.expensify.jobs)
    lines = synchronise(world, full=True)
    assert [line.split(" ")[0] for line in lines] == ["skip", "skip", "keep"]
    assert [job.operation for job in world.sandbox.expensify.jobs[sent:]] == ["get:policy"]


def test_the_next_reading_is_incremental_with_an_overlap(world: World, erp: TellingErp) -> None:
    synchronise(world)
    synchronise(world)
    assert erp.asked[0] is None
    assert erp.asked[1] is not None
    (read_until,) = world.rows("SELECT count(*) FROM reference_read")[0]
    assert read_until == 1


def test_an_erp_that_cannot_tell_is_named(world: World, erp: TellingErp, monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute:
        def __enter__(self) -> Mute:
            return self

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(ReferenceDataOperator, "open_erp", lambda self, tenant, ledger: Mute())
    with pytest.raises(Misconfigured, match=r"acme\.yaml: syspro cannot give"):
        synchronise(world)
