"""The flow back of the demo's tenants, over the demo's servers, connections and tenant files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from expensify_erp.operators.reference_data import ReferenceDataOperator

from include.sandbox import demo
from include.sandbox.server import Sandbox
from scripts.astro_settings import read_settings
from tests.plugins.expensify_erp.operators.conftest import World

PROJECT = Path(__file__).parents[4]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(*demo.services()) as running:
        running.expensify.limits.windows = ()
        demo.seed(running, date(2026, 11, 21))
        yield running


@pytest.fixture
def demo_world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("EXPENSIFY_ERP_TENANTS", str(PROJECT / "include/sandbox/tenants"))
    for one in read_settings(PROJECT / "airflow_settings.yaml").connections:
        if one.conn_id in ("expensify_pacific", "acumatica_pacific", "expensify_harbor", "gp_harbor"):
            body = {name.removeprefix("conn_"): value for name, value in one.model_dump(exclude_none=True).items()}
            body["conn_type"] = body.pop("type")
            body.pop("id")
            body["port"] = world.sandbox.port
            monkeypatch.setenv(f"AIRFLOW_CONN_{one.conn_id.upper()}", json.dumps(body))
    return world


def synchronise(world: World, tenant: str, **params: Any) -> list[tuple[Any, ...]]:
    run = world.airflow.run(tenant, "manual", None, **params)
    context: Any = run.context("synchronise")
    ReferenceDataOperator(task_id="synchronise", tenant=tenant).execute(context)
    return world.rows(
        f"SELECT action, kind, subject, applied FROM reference_change WHERE run_id = '{run.run_id}' ORDER BY id"
    )


def test_acumatica(demo_world: World) -> None:
    standing = [
        ("skip", "employee", "EP00000104", 0),  # June Park has no e-mail in Acumatica: her report is held, too
        ("skip", "employee", "ada.silva@pacific.example", 0),  # the head of the studio reports to nobody
    ]
    codes = [("change", "category", name) for name in ("Airfare", "Lodging", "Meals", "Mileage", "Props", "Software")]
    new = [("add", "employee", "noa.lindt@pacific.example"), *codes]
    assert sorted(synchronise(demo_world, "pacific_studio", dry_run=True)) == sorted(
        standing + [(*row, 0) for row in new]
    )
    assert sorted(synchronise(demo_world, "pacific_studio")) == sorted(standing + [(*row, 1) for row in new])
    assert synchronise(demo_world, "pacific_studio", full=True) == standing
    (noa,) = [
        row for row in demo_world.sandbox.expensify.policies["AC0A11C0FFEE0001"].employees if "noa" in row["email"]
    ]
    assert (noa["firstName"], noa["lastName"], noa["submitsTo"]) == ("Noa", "Lindt", "ada.silva@pacific.example")


def test_dynamics_gp(demo_world: World) -> None:
    standing = [("skip", "employee", "VALE0001", 0)]  # has just begun, and over SOAP nobody tells an e-mail
    tags = [("change", "tag", name, 1) for name in ("Fleet", "Office", "Terminal")]
    assert synchronise(demo_world, "harbor_logistics") == standing + tags
    assert synchronise(demo_world, "harbor_logistics", full=True) == standing
