"""The page mounted as Airflow mounts it, over a filled ledger, with Airflow's own simple auth manager in front."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi import app as airflow_app
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models.revoked_token import RevokedToken
from airflow.sdk.execution_time.cache import SecretCache
from expensify_erp.page import access, opened_ledger
from expensify_erp.page.app import create_app
from expensify_erp.page.entry import URL_PREFIX
from fastapi import FastAPI
from fastapi.testclient import TestClient

from include.accounting.reports import ReportFacts
from include.erps.registry import ERPS, Registered
from include.ledger import runs
from include.ledger.database import Ledger
from tests.include.ledger.company import DAY, Company, expense, report
from tests.include.ledger.fake_erp import FakeErp

HTML = {"accept": "text/html"}


class AuthManager(SimpleAuthManager):
    """Airflow's simple auth manager, with DAGs and views that it hides from everybody."""

    hidden_dags: set[str]
    shows_plugins: bool

    def __init__(self) -> None:
        super().__init__()
        self.hidden_dags = set()
        self.shows_plugins = True

    def is_authorized_dag(self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None) -> bool:
        if details and details.id in self.hidden_dags:
            return False
        return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)

    def is_authorized_view(self, *, access_view: Any, user: Any) -> bool:
        return self.shows_plugins and super().is_authorized_view(access_view=access_view, user=user)


@pytest.fixture(autouse=True)
def _plain_erp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ERPS, "plain", Registered("tests.include.ledger.plain_erp:PlainErp", "none:None"))


@pytest.fixture
def auth(monkeypatch: pytest.MonkeyPatch) -> AuthManager:
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "a-secret-of-the-tests-long-enough-for-hs512-" + "x" * 40)
    made = AuthManager()
    monkeypatch.setattr(airflow_app._AuthManagerState, "instance", made)
    # The one question that Airflow's own log-in asks its database.
    monkeypatch.setattr(RevokedToken, "is_revoked", staticmethod(lambda *_args, **_kwargs: False))
    SimpleAuthManager._get_token_signer.cache_clear()
    SimpleAuthManager._get_token_validator.cache_clear()
    return made


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once: each test gets a copy."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    with Ledger(f"sqlite:///{path}") as made:
        made.create_if_missing()
        with made.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def ledger(empty_ledger: Path, tmp_path: Path) -> Iterator[Ledger]:
    shutil.copy(empty_ledger, tmp_path / "ledger.db")
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as made:
        yield made


@pytest.fixture
def tenants_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No tenant file: every name in the ledger stands for itself."""
    folder = tmp_path / "tenants"
    folder.mkdir()
    monkeypatch.setenv("EXPENSIFY_ERP_TENANTS", str(folder))
    return folder


@pytest.fixture
def page(
    ledger: Ledger, auth: AuthManager, tenants_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str | None], TestClient]:
    """``page("viewer")``: a browser of a user with that role; ``page(None)``: nobody logged in."""
    SecretCache.reset()
    monkeypatch.setattr(opened_ledger, "opened_ledger", lambda: ledger)
    monkeypatch.setattr(access, "_names", access._Names())
    outer = FastAPI()
    outer.mount(URL_PREFIX, create_app())

    def browser(role: str | None) -> TestClient:
        client = TestClient(outer, base_url="http://airflow.example" + URL_PREFIX)
        if role is not None:
            token = auth.generate_jwt(SimpleAuthManagerUser(username=f"{role}-ann", role=role.upper(), teams=None))
            client.cookies.set("_token", token)
        return client

    return browser


@pytest.fixture
def viewer(page: Callable[[str | None], TestClient]) -> TestClient:
    return page("viewer")


@pytest.fixture
def admin(page: Callable[[str | None], TestClient]) -> TestClient:
    return page("admin")


def take(company: Company, *reports: ReportFacts, run_id: str = "run-1") -> None:
    """A run takes the reports, checks their journals and cuts them into boxes, as extract, transform and validate do."""
    key = company.begin_run(run_id)
    company.claim(*reports, run=key)
    company.check()
    with company.ledger.write() as connection:
        runs.mark_covered(connection, key, company.clock())
        runs.boxes(connection, key)


@pytest.fixture
def midwest(ledger: Ledger) -> Company:
    """One posted journal of 2,500.75 USD and one held for the category Gifts."""
    company = Company(ledger, "midwest")
    take(
        company,
        report(
            "R1", expense("t1", 250_075, merchant="Deep Dish & Sons"), name="Chicago trip", submitter_name="Dana Ortiz"
        ),
        report("R2", expense("t2", 1_840, "Gifts", merchant="Flowers"), day=date(2026, 11, 19), name="Gifts"),
    )
    erp = FakeErp()
    company.poster(erp).post(f"{DAY:%Y%m%d}-1")
    return company


@pytest.fixture
def albion(ledger: Ledger, midwest: Company) -> Company:
    """Another tenant in another company, with a held journal of its own."""
    company = Company(ledger, "albion", midwest.clock, "plain:erp.example:TWO")
    take(company, report("A1", expense("a1", 99_900, "Secret Category", merchant="Secret Merchant")))
    return company
