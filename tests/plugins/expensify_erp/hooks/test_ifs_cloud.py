import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from expensify_erp.hooks.erp import ErpHook, erp_hook
from expensify_erp.hooks.ifs_cloud import IfsCloudHook

from include.erps.ifs_cloud.settings import IfsCloudSettings
from include.errors import Misconfigured
from include.ledger.database import Ledger
from include.sandbox.ifs_cloud import Client, Company, IfsCloud
from include.sandbox.server import Sandbox
from tests.include.erps.ifs_cloud.conftest import DAY, SECRET, journal


@pytest.fixture
def ifs() -> Iterator[Sandbox]:
    server = IfsCloud()
    server.add_client(Client("expensify", SECRET, {"10"}))
    company = server.add_company(Company("10"))
    company.enter_voucher([("4010", "120.50"), ("2410", "-120.50")], day=DAY, reference="R00AbC")
    with Sandbox(server) as running:
        yield running


@pytest.fixture
def hook_for(ifs: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The hook of a tenant whose connection has this extra."""
    monkeypatch.setenv(
        "AIRFLOW_CONN_EXPENSE_ARCHIVE", json.dumps({"conn_type": "http", "password": Fernet.generate_key().decode()})
    )

    def make(**extra: str) -> ErpHook:
        connection = {
            "conn_type": "http",
            "schema": "http",
            "host": "127.0.0.1",
            "port": ifs.port,
            "login": "expensify",
            "password": SECRET,
            "extra": extra,
        }
        monkeypatch.setenv("AIRFLOW_CONN_IFS", json.dumps(connection))
        ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
        ledger.create_if_missing()
        settings = {"type": "ifs_cloud", "connection": "ifs", "company": "10"}
        return erp_hook(IfsCloudSettings.model_validate(settings), ledger)

    return make


@pytest.mark.parametrize(
    "extra",
    [{"realm": "acme1"}, {"token_path": "/auth/realms/acme1/protocol/openid-connect/token"}],
    ids=["realm", "path"],
)
def test_the_connection_becomes_a_session(hook_for: Any, extra: dict[str, str]) -> None:
    hook = hook_for(**extra)
    assert isinstance(hook, IfsCloudHook)
    with hook.get_conn() as erp:
        (found,) = erp.find(journal())
    assert found.number == "M/2026/2026000001"


def test_sessions_share_one_token(hook_for: Any, ifs: Sandbox) -> None:
    for _ in range(2):
        with hook_for(realm="acme1").get_conn() as erp:
            erp.find(journal())
    assert ifs.operations("ifs_cloud").count("Token") == 1


def test_the_target_names_host_and_company(hook_for: Any, ifs: Sandbox) -> None:
    assert hook_for(realm="acme1").target() == f"ifs_cloud://127.0.0.1:{ifs.port}/10"


def test_a_connection_without_realm_says_so(hook_for: Any) -> None:
    with pytest.raises(Misconfigured, match="neither `realm` nor `token_path`"):
        hook_for().get_conn()
