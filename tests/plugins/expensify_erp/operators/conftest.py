"""A tenant ``acme`` between a simulated Expensify and a simulated SYSPRO, both over sockets, with a real ledger."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from airflow.sdk.execution_time.cache import SecretCache
from expensify_erp.hooks import expensify as expensify_hook

from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.limiter import Limit
from include.sandbox.expensify import Expensify, Policy
from include.sandbox.server import Sandbox
from include.sandbox.syspro import Company, Operator, Syspro
from tests.plugins.expensify_erp.operators import acme
from tests.plugins.expensify_erp.operators.airflow_stand_in import Airflow, Run

NOVEMBER_2 = (datetime(2025, 11, 2, 12, tzinfo=UTC), datetime(2025, 11, 3, 12, tzinfo=UTC))
"""06:00 to 06:00 in Chicago. With one journal a day the run takes whole days: all of 2 November."""
NOVEMBER_3 = (datetime(2025, 11, 3, 12, tzinfo=UTC), datetime(2025, 11, 4, 12, tzinfo=UTC))
NOVEMBER_10 = (datetime(2025, 11, 10, 12, tzinfo=UTC), datetime(2025, 11, 11, 12, tzinfo=UTC))
"""Far enough from the 2nd for an export of its own days not to hold what was approved then."""

TENANT = """
schedule: "0 6 * * *"
timezone: America/Chicago
start_date: 2025-11-01
expensify: {connection: expensify_acme, policies: ["A1"], lookback_days: 7}
erp:
  {type: syspro, connection: syspro_acme, pool: syspro_acme, allow_http: true, settle_s: 0, request_timeout_s: 5}
posting:
  currency: USD
  credit: {reimbursable: "2150-00", company_card: "2160-00"}
mapping:
  gl_account: {values: {"Meals": "6100", "Airfare": "6200"}}
  dimensions: {cost_center: {tag: 1, required: true, values: {"Plant 1": "P1"}}}
"""


@dataclass
class World:
    """Everything around the operators of one tenant."""

    sandbox: Sandbox
    tenants: Path
    archive: Path
    ledger: Ledger
    airflow: Airflow = field(default_factory=Airflow)

    @property
    def company(self) -> Company:
        return self.sandbox.syspro.company("EDU1")

    def tenant(self, name: str = "acme", **changes: Any) -> None:
        """Write the tenant file, with changes one level deep."""
        content = yaml.safe_load(TENANT)
        for key, value in changes.items():
            content[key] = {**content.get(key, {}), **value} if isinstance(value, dict) else value
        (self.tenants / f"{name}.yaml").write_text(yaml.safe_dump(content))

    def report(self, report_id: str, day: str = "2025-11-02", cents: int = 1250, **changes: Any) -> dict[str, Any]:
        """An approved report with one meal; 18:00 UTC is noon in Chicago. The same ID again replaces it."""
        category = changes.pop("category", "Meals")
        report = {
            "reportID": report_id,
            "reportName": f"Trip {report_id}",
            "status": "Approved",
            "accountEmail": "dana@acme.example",
            "created": "2025-10-30",
            "submitted": "2025-10-31 10:00:00",
            "approved": f"{day} 18:00:00",
            "currency": "USD",
            "total": cents,
            "policyID": "A1",
            "policyName": "Acme",
            "transactionList": [
                {
                    "transactionID": f"9{report_id[1:]}",
                    "merchant": "Diner",
                    "amount": cents,
                    "currency": "USD",
                    "created": "2025-10-30",
                    "category": category,
                    "tag": "Plant 1",
                    "ntag1": "Plant 1",
                    "reimbursable": True,
                }
            ],
            **changes,
        }
        with self.sandbox.lock:
            self.sandbox.expensify.add_report(report)
        return report

    def run(self, kind: str = "scheduled", interval: Any = NOVEMBER_2, /, **params: Any) -> Run:
        """A new run of ``acme``: by schedule over 2 November, unless said otherwise."""
        return self.airflow.run("acme", kind, interval, **params)

    def journals(self, column: str = "state") -> dict[str, Any]:
        """One column of every journal, by key."""
        with self.ledger.read() as connection:
            query = sa.select(tables.journal.c.journal_key, tables.journal.c[column]).order_by("journal_key")
            return {row[0]: row[1] for row in connection.execute(query)}

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.ledger.read() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def events(self, key: str) -> list[tuple[str | None, str]]:
        columns = tables.event.c
        query = sa.select(columns.from_state, columns.to_state).where(columns.journal_key == key).order_by(columns.id)
        with self.ledger.read() as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]

    def find_another_total(self) -> None:
        """The finding that the document of 20251102-1 (12.50) shows a cent more."""
        found = {
            "tenant": "acme",
            "target": f"syspro://127.0.0.1:{self.sandbox.port}/EDU1",
            "journal_key": "20251102-1",
            "kind": "total_differs",
            "message": "Sent 12.50, document 2025/411 shows 12.51",
            "fingerprint": "x",
            "at": datetime(2025, 11, 3, tzinfo=UTC),
        }
        with self.ledger.write() as connection:
            connection.execute(tables.finding.insert().values(**found))

    def exported_reports(self) -> list[tuple[str, ...]]:
        """The IDs that each export carried, oldest first."""
        with self.sandbox.lock:
            return [tuple(sorted(job.reports)) for job in self.sandbox.expensify.jobs if job.operation == "file"]

    def asked_for(self, operation: str) -> int:
        """How often SYSPRO was asked for an operation."""
        return sum(one.startswith(operation) for one in self.sandbox.operations("syspro"))

    def creates(self) -> int:
        """Posting requests that reached SYSPRO."""
        return sum(
            one.startswith("Transaction/Post") and not one.endswith("ValidateOnly")
            for one in self.sandbox.operations("syspro")
        )

    def booked(self) -> list[tuple[date, str, int]]:
        """Every line in SYSPRO's books."""
        with self.sandbox.lock:
            return sorted(
                (line.date, line.ledger_code, line.cents) for one in self.company.journals for line in one.lines
            )


@pytest.fixture(scope="session")
def migrated_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger, to be copied: migrating costs more than most tests."""
    file = tmp_path_factory.mktemp("ledger") / "empty.db"
    with Ledger(f"sqlite:///{file}") as ledger:
        ledger.create_if_missing()
        with ledger.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return file


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    expensify = Expensify()
    expensify.credentials = {"aa_acme": "acme-secret"}
    expensify.limits.windows = ()
    expensify.policies["A1"] = Policy("A1", "Acme")
    syspro = Syspro()
    syspro.today = lambda: date(2025, 11, 21)
    syspro.add_operator(Operator("ROBOT", "robot-secret"))
    company = syspro.add_company(Company("EDU1", year=2025, period=11, first_number=411))
    for code in ("6100-P1", "2150-00", "2160-00"):
        company.add_account(code, code)
    with Sandbox(expensify=expensify, syspro=syspro) as running:
        yield running


@pytest.fixture
def world(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_ledger: Path) -> Iterator[World]:
    SecretCache.reset()
    # The real budget is five requests in ten seconds; tests of the budget itself are with the ledger.
    monkeypatch.setattr(expensify_hook, "LIMITS", (Limit(1000, 10),))
    tenants, archive, file = tmp_path / "tenants", tmp_path / "archive", tmp_path / "ledger.db"
    tenants.mkdir()
    shutil.copyfile(migrated_ledger, file)
    syspro = {
        "conn_type": "http",
        "host": "127.0.0.1",
        "port": sandbox.port,
        "schema": "http",
        "login": "ROBOT",
        "password": "robot-secret",
        "extra": {"company_id": "EDU1"},
    }
    for name, value in acme.environment(tmp_path, sandbox.port, {"SYSPRO_ACME": syspro}).items():
        monkeypatch.setenv(name, value)
    with Ledger(f"sqlite:///{file}") as ledger:
        made = World(sandbox, tenants, archive, ledger)
        made.tenant()
        yield made
