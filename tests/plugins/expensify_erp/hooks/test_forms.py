"""The Test buttons: a real log-on over a socket, for credentials that are right and for such that are not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.execution_time.cache import SecretCache
from expensify_erp.hooks.forms import (
    AcumaticaForm,
    ConnectionForm,
    DynamicsGpForm,
    ExpensifyForm,
    IfsCloudForm,
    Sage100Form,
    SysproForm,
)

from include.sandbox.expensify import Expensify, Policy
from include.sandbox.server import Sandbox
from tests.include.erps.acumatica.test_conformance import CLIENT_ID, JournalAdapter
from tests.include.erps.adapter import Adapter
from tests.include.erps.dynamics_gp.test_conformance import SoapAdapter as GpAdapter
from tests.include.erps.ifs_cloud.test_conformance import IfsCloudAdapter
from tests.include.erps.sage_100.test_conformance import AgentAdapter
from tests.include.erps.syspro.test_conformance import SysproAdapter


@dataclass(frozen=True)
class Case:
    """A simulated system, its form, and the connection's fields."""

    adapter: type[Adapter]
    form: type[ConnectionForm]
    login: str
    extra: dict[str, str | int]
    """An integer stands for that one of the adapter's secrets."""


CASES = {
    "syspro": Case(SysproAdapter, SysproForm, "ROBOT", {"company_id": "EDU1", "company_password": 1}),
    "acumatica": Case(JournalAdapter, AcumaticaForm, "robot", {"client_id": CLIENT_ID, "client_secret": 1}),
    "dynamics_gp": Case(GpAdapter, DynamicsGpForm, "FABRIKAM\\svc_expense", {"auth": "ntlm"}),
    "sage_100": Case(AgentAdapter, Sage100Form, "ROBOT", {"api_key": 1}),
    "ifs_cloud": Case(IfsCloudAdapter, IfsCloudForm, "expensify", {"realm": "acme1"}),
}


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
def adapter(case: Case) -> Iterator[Adapter]:
    adapter = case.adapter()
    with adapter.sandbox:
        yield adapter


@pytest.fixture(autouse=True)
def tenants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No tenant file, unless a test writes one."""
    SecretCache.reset()
    monkeypatch.setenv("EXPENSIFY_ERP_TENANTS", str(tmp_path))
    return tmp_path


def connect(monkeypatch: pytest.MonkeyPatch, port: int, login: str, password: str, **fields: Any) -> None:
    server = {"conn_type": "http", "host": "127.0.0.1", "port": port, "schema": "http"}
    monkeypatch.setenv("AIRFLOW_CONN_TEST1", json.dumps({**server, "login": login, "password": password, **fields}))


def extra_of(case: Case, adapter: Adapter) -> dict[str, Any]:
    return {key: adapter.secrets[value] if isinstance(value, int) else value for key, value in case.extra.items()}


@pytest.mark.parametrize("conn_type", ["http", "own"])
def test_good_credentials_are_proved_by_a_log_on(
    case: Case, adapter: Adapter, monkeypatch: pytest.MonkeyPatch, conn_type: str
) -> None:
    kind = "http" if conn_type == "http" else case.form.conn_type  # type: ignore[attr-defined]
    extra = {**extra_of(case, adapter), "verify": None}
    connect(monkeypatch, adapter.sandbox.port, case.login, adapter.secrets[0], extra=extra, conn_type=kind)
    good, message = case.form("test1").test_connection()
    assert good, message
    assert "(asked with the defaults, as no tenant file uses it)" in message
    assert [secret for secret in adapter.secrets if secret in message] == []
    assert adapter.sandbox.operations(adapter.service) != []
    assert adapter.created == 0


def test_a_wrong_password_is_said_without_it(case: Case, adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, adapter.sandbox.port, case.login, "quite-another-one", extra=extra_of(case, adapter))
    good, message = case.form("test1").test_connection()
    assert not good
    assert len(message.split()) >= 5
    assert "quite-another-one" not in message
    assert "test1" not in message


def test_a_server_that_is_not_there_is_said(case: Case, adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, 1, case.login, adapter.secrets[0], extra=extra_of(case, adapter))
    good, message = case.form("test1").test_connection()
    assert not good
    assert "failed with" not in message


def test_a_missing_field_is_named(case: Case, adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, adapter.sandbox.port, "", adapter.secrets[0])
    assert case.form("test1").test_connection() == (
        False,
        "the connection has no login: fill it in under Admin > Connections",
    )


def test_no_session_of_acumatica_s_licence_stays_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    case, adapter = CASES["acumatica"], JournalAdapter()
    adapter.site.licence.users = 1
    with adapter.sandbox:
        connect(monkeypatch, adapter.sandbox.port, case.login, adapter.secrets[0], extra=extra_of(case, adapter))
        for _ in range(3):
            assert AcumaticaForm("test1").test_connection()[0]
        assert adapter.site.doors.chains == []


def test_the_settings_of_the_tenant_that_uses_the_server_are_taken(
    tenants: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, adapter = CASES["acumatica"], JournalAdapter()
    adapter.site.base_path = "/Company"
    (tenants / "acme.yaml").write_text(
        """
        schedule: "0 6 * * *"
        timezone: UTC
        start_date: 2026-11-01
        expensify: {connection: e, mark_exported: x}
        erp: {type: acumatica, connection: acme_erp, base_path: /Company, document: journal}
        posting: {currency: USD, credit: {reimbursable: "1", company_card: "2"}}
        mapping: {dimensions: {cost_center: {tag: 1, required: true}}}
        """
    )
    with adapter.sandbox:
        fields = {"extra": extra_of(case, adapter)}
        connect(monkeypatch, adapter.sandbox.port, case.login, adapter.secrets[0], **fields)
        good, message = AcumaticaForm("test1").test_connection()
        assert not good
        assert "erp.base_path" in message
        SecretCache.reset()
        server = {"conn_type": "acumatica", "host": "127.0.0.1", "port": adapter.sandbox.port, "schema": "http"}
        own = {**server, "login": case.login, "password": adapter.secrets[0], **fields}
        monkeypatch.setenv("AIRFLOW_CONN_ACME_ERP", json.dumps(own))
        good, message = AcumaticaForm("test1").test_connection()
    assert good, message
    assert message.endswith("(asked with the settings of acme.yaml)")


class TestExpensify:
    @pytest.fixture
    def sandbox(self) -> Iterator[Sandbox]:
        expensify = Expensify()
        expensify.credentials = {"aa_acme": "acme-secret"}
        expensify.policies["A1"] = Policy("A1", "Acme")
        expensify.policies["A2"] = Policy("A2", "Acme too", role="user")
        with Sandbox(expensify=expensify) as running:
            yield running

    def test_good_credentials(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        connect(monkeypatch, sandbox.port, "aa_acme", "acme-secret")
        expected = "Expensify takes the credentials; they see 2 workspaces, 1 of them as admin"
        assert ExpensifyForm("test1").test_connection() == (True, expected)

    def test_wrong_credentials(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        connect(monkeypatch, sandbox.port, "aa_acme", "quite-another-one")
        good, message = ExpensifyForm("test1").test_connection()
        assert not good
        assert "quite-another-one" not in message
