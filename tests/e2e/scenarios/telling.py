"""What people are told: by a preflight before anything is posted, and by mail when something stays open."""

from __future__ import annotations

import json

from tests.e2e.reports import Expense, meals
from tests.e2e.suite import Play, Scene, scenario
from tests.e2e.tenants import key
from tests.plugins.expensify_erp.operators import mail_server

PATIENCE_S = 240


@scenario
def a_preflight_names_what_blocks_and_writes_nothing(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(3, Expense("Client Gifts", 18400), meals(1250))
    yield
    api = scene.airflow.api
    api.unpause("preflight")
    run = api.trigger("preflight", conf={"tenant": tenant.name})
    assert scene.suite.watch.wait("preflight", run, PATIENCE_S) == "failed"
    value = api.request("GET", f"dags/preflight/dagRuns/{run}/taskInstances/preflight/xcomEntries/preflight")["value"]
    found = json.loads(value) if isinstance(value, str) else value
    levels = {row["name"]: row["level"] for row in found["mapping"]}
    assert levels["Client Gifts"] == "blocking"
    assert levels["Meals"] == "ok"
    assert {one["level"] for one in found["findings"] if one["subject"] == "pool"} == {"ok"}
    assert "Preflight of" in api.task_log("preflight", run, "preflight")
    assert (tenant.states(), tenant.documents(), tenant.marked()) == ({}, [], set())


@scenario
def a_held_journal_is_told_by_mail_once(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(3, Expense("Client Gifts", 18400))
    yield
    api = scene.airflow.api
    with mail_server.running() as mail:
        plain = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"}
        smtp = {"conn_type": "smtp", "host": "127.0.0.1", "port": mail.port, "extra": json.dumps(plain)}
        finance = {"tenants": {tenant.name: ["finance@example.com"]}, "smtp_conn_id": f"smtp_{tenant.name}"}
        api.put_connection({"connection_id": f"smtp_{tenant.name}", **smtp})
        # The other scenarios' tenants have no address in it.
        api.put_connection({"connection_id": "expense_notices", "conn_type": "generic", "extra": json.dumps(finance)})
        tenant.red(tenant.trigger())
        (text,) = mail.texts()
        assert key(3) in text
        assert "Client Gifts" in text
        assert f"{scene.airflow.url}/dags/{tenant.dag_id}/runs/" in text
