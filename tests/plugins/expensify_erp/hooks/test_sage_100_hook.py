import json
from datetime import date

import pytest
from airflow.sdk import Connection
from expensify_erp.hooks.erp import erp_hook

from include.erps.port import Draft, Line
from include.erps.sage_100.settings import Sage100Settings
from include.errors import Misconfigured
from include.sandbox.sage_100 import Company, Sage100, User
from include.sandbox.server import Sandbox

SETTINGS = Sage100Settings.model_validate(
    {"type": "sage_100", "connection": "sage", "pool": "sage", "company": "ABC", "lookup_attempts": 1}
)
DRAFT = Draft(
    "R1", "R1", "journal", "USD", date(2026, 11, 20), date(2026, 11, 20), "", (Line(1, "6", 1), Line(2, "2", -1))
)


READER = "expensify_erp.hooks.erp.connection_of"


def connection(port: int, password: str, **extra: str) -> Connection:
    return Connection(
        conn_id="sage",
        conn_type="http",
        host="127.0.0.1",
        port=port,
        schema="http",
        login="EXP",
        password=password,
        extra=json.dumps(extra),
    )


def test_a_connection_becomes_a_client_and_is_read_again_after_a_refused_log_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sage = Sage100()
    sage.api_keys.add("agent-key")
    sage.add_user(User("EXP", "new-password"))
    sage.add_company(Company("ABC"))
    with Sandbox(sage) as box:
        read = iter(["old-password", "new-password"])
        monkeypatch.setattr(READER, lambda conn_id: connection(box.port, next(read), api_key="agent-key"))
        with erp_hook(SETTINGS).get_conn() as erp:
            assert erp.find(DRAFT) == []
    assert len(box.calls) == 2


def test_the_target_names_server_and_company(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(READER, lambda conn_id: connection(8443, "secret", api_key="k"))
    assert erp_hook(SETTINGS).target() == "sage_100://127.0.0.1:8443/ABC"


def test_an_agent_without_its_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(READER, lambda conn_id: connection(8443, "secret"))
    with pytest.raises(Misconfigured, match="`api_key`"):
        erp_hook(SETTINGS).get_conn()
