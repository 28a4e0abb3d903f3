import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from expensify_erp.hooks.acumatica import AcumaticaHook
from expensify_erp.hooks.erp import ErpHook, erp_hook

from include.erps.acumatica.settings import AcumaticaSettings
from include.errors import Misconfigured
from include.ledger.database import Ledger
from include.ledger.limiter import Limit
from include.sandbox.acumatica import Acumatica, User
from include.sandbox.server import Sandbox
from tests.include.erps.acumatica.conftest import CLIENT_ID, SECRET, bill

Make = Callable[..., ErpHook]


@pytest.fixture
def box() -> Iterator[Sandbox]:
    site = Acumatica(base_path="/ERP")
    site.doors.applications[CLIENT_ID] = SECRET
    site.doors.add_user(User("expensify", "integration"))
    site.books.add_ledger("ACTUAL", "HQ")
    with Sandbox(site) as running:
        yield running


@pytest.fixture
def hook_for(box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """The hook of a tenant whose connection has this extra; all hooks share one ledger."""
    archive = {"conn_type": "http", "password": Fernet.generate_key().decode()}
    monkeypatch.setenv("AIRFLOW_CONN_EXPENSE_ARCHIVE", json.dumps(archive))
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.create_if_missing()

        def make(extra: dict[str, str], **changes: Any) -> ErpHook:
            connection = {
                "conn_type": "http",
                "schema": "http",
                "host": "127.0.0.1",
                "port": box.port,
                "login": "expensify",
                "password": "integration",
                "extra": extra,
            }
            monkeypatch.setenv("AIRFLOW_CONN_ACUMATICA", json.dumps(connection))
            values = {
                "type": "acumatica",
                "connection": "acumatica",
                "base_path": "/ERP",
                "vendor": "V",
                "branch": "HQ",
            }
            return erp_hook(AcumaticaSettings.model_validate({**values, **changes}), ledger)

        yield make


OAUTH = {"client_id": CLIENT_ID, "client_secret": SECRET}


def test_tasks_share_one_sign_in_that_is_kept_encrypted(hook_for: Make, box: Sandbox, tmp_path: Path) -> None:
    for _ in range(3):
        hook = hook_for(OAUTH)
        assert isinstance(hook, AcumaticaHook)
        with hook.get_conn() as erp:
            assert erp.find(bill()) == []
    site = box.service(Acumatica)
    assert site.doors.grants == ["password"]
    (chain,) = site.doors.chains
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in (*chain.access, chain.refresh):
        assert secret.encode() not in stored


def test_the_target_names_instance_and_tenant_without_case(hook_for: Make, box: Sandbox) -> None:
    assert hook_for(OAUTH).target() == f"acumatica://127.0.0.1:{box.port}/erp/contoso"
    assert hook_for({"tenant": "CONTOSO"}, auth="cookie").target() == f"acumatica://127.0.0.1:{box.port}/erp/contoso"


def test_the_cookie_login_needs_no_application(hook_for: Make, box: Sandbox) -> None:
    with hook_for({"tenant": "Contoso"}, auth="cookie").get_conn() as erp:
        assert erp.find(bill()) == []
    assert box.service(Acumatica).doors.seated == 0


@pytest.mark.parametrize(
    ("extra", "changes", "said"),
    [
        ({}, {}, "client_id"),
        ({"client_id": "7a1f", "client_secret": "x"}, {}, "client_id"),
        ({"client_id": CLIENT_ID}, {}, "client_secret"),
        ({}, {"auth": "cookie"}, "tenant"),
    ],
    ids=["nothing", "no tenant", "no secret", "cookie without tenant"],
)
def test_an_incomplete_connection_is_named(
    hook_for: Make, extra: dict[str, str], changes: dict[str, str], said: str
) -> None:
    with pytest.raises(Misconfigured, match=f"acumatica.*{said}"):
        hook_for(extra, **changes).get_conn()


def test_all_tasks_together_stay_below_half_of_the_licence(
    hook_for: Make, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Limit]] = []
    monkeypatch.setattr(ErpHook, "budget", lambda self, name, *limits: asked.extend((name, one) for one in limits))
    with hook_for(OAUTH, requests_per_minute=400).get_conn():
        pass
    ((name, limit),) = asked
    assert (limit.count, limit.seconds) == (180, 60)
    assert "acumatica" in name
