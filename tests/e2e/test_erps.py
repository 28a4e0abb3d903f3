"""Every scenario on every ERP, on one real Airflow; then what must hold over all of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import tests.e2e.scenarios  # noqa: F401 - fills SCENARIOS
from scripts.local_airflow import LocalAirflow
from tests.e2e.erps import ERPS
from tests.e2e.erps.under_test import ErpUnderTest
from tests.e2e.suite import SCENARIOS, Scenario, Suite
from tests.include.ledger import postgres_cluster

pytestmark = pytest.mark.airflow


def _is_long(one: Scenario, erp: ErpUnderTest) -> bool:
    """Every test run plays all scenarios on the model, and on the others those that stand for their kind."""
    stands = one.stands_for_others and not (one.needs_postgresql and postgres_cluster.why_not())
    return one.is_long or not (erp is ERPS[0] or stands)


CASES = [
    pytest.param(one, erp, id=f"{erp.name}-{one.name}", marks=[pytest.mark.e2e] if _is_long(one, erp) else [])
    for one in SCENARIOS
    for erp in ERPS
    if one.only in (None, erp.name)
]


@pytest.fixture(scope="session")
def suite(request: pytest.FixtureRequest, sandbox: Any, tenants_folder: Path, ledger_file: Path) -> Iterator[Suite]:
    """All chosen scenarios laid out before Airflow starts, and playing at the same time once it runs."""
    chosen = [
        (item.callspec.params["one"], item.callspec.params["erp"])
        for item in request.session.items
        if hasattr(item, "callspec") and "one" in item.callspec.params
    ]
    made = Suite(sandbox, tenants_folder, ledger_file)
    made.prepare(chosen)
    airflow: LocalAirflow = request.getfixturevalue("airflow")
    made.play(airflow)
    yield made
    made.stop()
    for name, seconds in sorted(made.seconds.items(), key=lambda item: -item[1]):
        print(f"{seconds:6.1f} s  {name}")


@pytest.mark.parametrize(("one", "erp"), CASES)
def test_scenario(suite: Suite, one: Scenario, erp: ErpUnderTest) -> None:
    suite.outcome(one.name, erp.name)


def test_no_secret_is_seen_anywhere(suite: Suite) -> None:
    suite.wait_for_all()
    secrets = {secret for tenant in suite.tenants for secret in (*tenant.secrets, *tenant.company.secrets)}
    assert min(map(len, secrets)) > 5
    seen = [
        f"{secret} in {path}"
        for path, content in _everything_written(suite)
        for secret in secrets
        if secret.encode() in content
    ]
    assert seen == []


def test_raw_exports_are_encrypted(suite: Suite) -> None:
    suite.wait_for_all()
    archived = [path for path in (suite.airflow.home / "archive").rglob("*") if path.is_file()]
    assert archived
    for path in archived:
        content = path.read_bytes()
        assert b"transactionID" not in content
        assert b"Dana Ortiz" not in content
        assert not content.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")), f"{path} is compressed, not encrypted"


def test_the_servers_limits_were_respected(suite: Suite, sandbox: Any) -> None:
    suite.wait_for_all()
    assert sandbox.expensify.limits.windows, "they are on"
    assert sandbox.expensify.limits.refused == 0
    assert sandbox.syspro.overlaps == 0


def _everything_written(suite: Suite) -> Iterator[tuple[str, bytes]]:
    """Every file of this Airflow and of the ledger; databases as text too, where pages cut no value in two."""
    if suite.airflow.database_url.startswith("postgresql"):
        engine = sa.create_engine(suite.airflow.database_url)
        with engine.connect() as connection:
            for table in sa.inspect(connection).get_table_names():
                rows = connection.execute(sa.text(f'SELECT * FROM "{table}"')).all()
                yield f"Airflow's table {table}", "\n".join(map(str, rows)).encode()
        engine.dispose()
    for place in (suite.airflow.home, suite.ledger_file.parent):
        for path in place.rglob("*"):
            if not path.is_file():
                continue
            yield str(path), path.read_bytes()
            if path.suffix == ".db":
                with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)) as database:
                    yield f"{path} as text", "\n".join(database.iterdump()).encode()
