"""One real Airflow and one sandbox for the whole end-to-end suite.

The sandbox runs inside the pytest process, so that a test can order faults and count requests; Airflow's tasks reach it
over loopback. A test brings its tenants by writing files into ``tenants_folder``.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from include.sandbox.server import Sandbox
from scripts.local_airflow import PROJECT, LocalAirflow
from tests.e2e.erps import ERPS
from tests.include.ledger import postgres_cluster

pytest.register_assert_rewrite("tests.e2e.scenarios", "tests.e2e.tenants")


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The six servers on a free port."""
    with Sandbox(*(service for erp in ERPS for service in erp.services())) as running:
        yield running


@pytest.fixture(scope="session")
def tenants_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tenant files that Airflow reads (EXPENSIFY_ERP_TENANTS)."""
    return tmp_path_factory.mktemp("tenants")


@pytest.fixture(scope="session")
def ledger_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SQLite ledger behind the connection ``expense_ledger``."""
    return tmp_path_factory.mktemp("ledger") / "ledger.db"


@pytest.fixture(scope="session")
def metadata_url() -> Iterator[str | None]:
    """Airflow's metadata on a private PostgreSQL; on SQLite where none is installed.

    A busy SQLite metadata database ends Airflow's scheduler now and then, and the whole suite with it.
    """
    if postgres_cluster.why_not() is not None:
        yield None
        return
    with postgres_cluster.running() as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def airflow(
    tmp_path_factory: pytest.TempPathFactory, tenants_folder: Path, ledger_file: Path, metadata_url: str | None
) -> Iterator[LocalAirflow]:
    """The project's DAGs and plugins on a real Airflow. Ends with the session and leaves no process behind."""
    home = tmp_path_factory.mktemp("airflow")
    local = LocalAirflow(
        home,
        PROJECT / "dags",
        PROJECT / "plugins",
        database_url=metadata_url,
        environment={"EXPENSIFY_ERP_TENANTS": str(tenants_folder)},
        # Tasks mostly wait: for their servers, for Expensify's request budget, for a lease.
        parallelism=8,
        # Parsing the DAG files again and again would cost one of two cores; scenarios ask for it where they need it.
        refresh_s=300,
        stop_grace_s=5,
    )
    with local:
        local.api.put_connection(
            {"connection_id": "expense_ledger", "conn_type": "sqlite", "host": str(ledger_file)},
        )
        local.api.put_connection(
            {
                "connection_id": "expense_archive",
                "conn_type": "generic",
                "host": (home / "archive").as_uri(),
                "password": Fernet.generate_key().decode(),
            }
        )
        yield local
    assert local.processes() == []
