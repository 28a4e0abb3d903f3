from typing import Any

import pytest
from airflow.sdk import Connection
from expensify_erp.hooks.dynamics_gp import DynamicsGpHook
from expensify_erp.hooks.erp import erp_hook

from include.erps.dynamics_gp.client import DynamicsGpErp
from include.erps.dynamics_gp.settings import DynamicsGpSettings
from include.errors import Misconfigured


def hook(monkeypatch: pytest.MonkeyPatch, **extra: Any) -> DynamicsGpHook:
    import json

    values = {"type": "dynamics_gp", "connection": "gp_test", "api": "sba", "company": "Fabrikam, Inc."}
    found = erp_hook(DynamicsGpSettings.model_validate(values))
    connection = Connection(
        conn_id="gp_test",
        conn_type="http",
        host="gp.fabrikam.example",
        port=48620,
        schema="https",
        login="FABRIKAM\\svc",
        password="not-a-secret",
        extra=json.dumps(extra),
    )
    monkeypatch.setattr("expensify_erp.hooks.erp.connection_of", lambda conn_id: connection)
    assert isinstance(found, DynamicsGpHook)
    return found


@pytest.mark.parametrize("extra", [{}, {"auth": "ntlm"}, {"auth": "negotiate", "realm": "FABRIKAM.EXAMPLE"}])
def test_a_connection_becomes_a_client(monkeypatch: pytest.MonkeyPatch, extra: dict[str, str]) -> None:
    with hook(monkeypatch, **extra).get_conn() as erp:
        assert isinstance(erp, DynamicsGpErp)


def test_the_ledger_names_the_company(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hook(monkeypatch).target() == "dynamics_gp://gp.fabrikam.example:48620/Fabrikam, Inc."


def test_another_scheme_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Misconfigured, match="use negotiate or ntlm"):
        hook(monkeypatch, auth="basic").get_conn()
