"""Tenant files in a folder of the test's own, and DAG files parsed as Airflow parses them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag

PROJECT = Path(__file__).resolve().parents[2]

TENANT = """
schedule: "0 6 * * *"
timezone: America/Chicago
start_date: 2026-10-30
expensify: {connection: expensify_a, policies: ["A1"]}
erp: {type: syspro, connection: syspro_a, pool: syspro_a}
posting:
  currency: USD
  reference_prefix: PREFIX
  credit: {reimbursable: "2150-00", company_card: "2160-00"}
mapping:
  gl_account: {values: {"Meals": "6100"}}
  dimensions: {cost_center: {tag: 1, required: true, values: {"Plant 1": "P1"}}}
"""

WriteTenant = Callable[..., Path]


@pytest.fixture
def tenants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty tenants folder that the DAG files read."""
    folder = tmp_path / "tenants"
    folder.mkdir()
    monkeypatch.setenv("EXPENSIFY_ERP_TENANTS", str(folder))
    return folder


@pytest.fixture
def write_tenant(tenants: Path) -> WriteTenant:
    """``write_tenant("acme", erp={"queue": "on_premises"})``: a good file, with changes one level deep."""

    def write(name: str, **changes: object) -> Path:
        content = yaml.safe_load(TENANT.replace("PREFIX", name.upper()[:10]))
        for key, value in changes.items():
            content[key] = {**content[key], **value} if isinstance(value, dict) else value
        file = tenants / f"{name}.yaml"
        file.write_text(yaml.safe_dump(content))
        return file

    return write


@pytest.fixture
def parse() -> Callable[[str], DagBag]:
    """``parse("expenses.py")``: the bag after a real parse of that one file of ``dags/``."""

    def parsed(file: str) -> DagBag:
        path = PROJECT / "dags" / file
        assert path.is_file()
        return DagBag(path, safe_mode=True, bundle_path=PROJECT / "dags", bundle_name="dags-folder")

    return parsed
