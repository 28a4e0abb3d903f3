"""An IFS Cloud tenant reads from Expensify and never writes to it, whatever happens to its runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import pytest

from include.errors import Held
from include.sandbox.expensify import Expensify, Policy
from include.sandbox.ifs_cloud import Client, Company, IfsCloud
from include.sandbox.server import Sandbox
from tests.plugins.expensify_erp.operators.airflow_stand_in import Run
from tests.plugins.expensify_erp.operators.conftest import World

TENANT = """
schedule: "0 6 * * *"
timezone: America/Chicago
start_date: 2025-11-01
expensify: {connection: expensify_acme, policies: ["A1"], lookback_days: 7}
erp:
  {type: ifs_cloud, connection: ifs_acme, company: "10", allow_http: true, settle_s: 0, request_timeout_s: 5}
posting:
  currency: USD
  credit: {reimbursable: "2410", company_card: "2420"}
mapping:
  gl_account: {values: {"Meals": "4020"}}
  dimensions: {cost_center: {tag: 1, required: true, values: {"Plant 1": "100"}}}
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    expensify, ifs = Expensify(), IfsCloud()
    expensify.credentials = {"aa_acme": "acme-secret"}
    expensify.limits.windows = ()
    expensify.policies["A1"] = Policy("A1", "Acme")
    ifs.today = lambda: date(2025, 11, 21)
    ifs.add_client(Client("expensify", "ifs-secret", {"10"}))
    company = ifs.add_company(Company("10", "Acme Field Services"))
    company.add_account("4020", "Meals", {"B": "Mandatory"})
    company.add_account("2410", "Accrued expenses", {"B": "Blocked"})
    company.add_year(2025)
    with Sandbox(ifs, expensify=expensify) as running:
        yield running


@pytest.fixture
def ifs(world: World, monkeypatch: pytest.MonkeyPatch) -> Company:
    (world.tenants / "acme.yaml").unlink()
    (world.tenants / "field.yaml").write_text(TENANT)
    connection = {
        "conn_type": "http",
        "host": "127.0.0.1",
        "port": world.sandbox.port,
        "schema": "http",
        "login": "expensify",
        "password": "ifs-secret",
        "extra": {"realm": world.sandbox.service(IfsCloud).tokens.realm},
    }
    monkeypatch.setenv("AIRFLOW_CONN_IFS_ACME", json.dumps(connection))
    return world.sandbox.service(IfsCloud).companies["10"]


def run_of(world: World) -> Run:
    return world.airflow.run("field", "manual", None)


def test_only_exports_downloads_and_reads_reach_expensify(world: World, ifs: Company) -> None:
    ifs.add_code("B", "900")
    world.report("R1")
    world.report("R2", category="Client Gifts")
    run = run_of(world)
    boxes = run.until_validated()
    held = [index for index, keys in enumerate(boxes) for _ in keys]
    assert len(held) == 2
    for index in held:  # the cost center is missing, and so is a mapping
        with pytest.raises(Held):
            run.load(index)
    with pytest.raises(Held):
        run.acknowledge()

    # Repaired in IFS, in the tenant file, and in Expensify; replayed by clearing the boxes.
    ifs.add_code("B", "100")
    (world.tenants / "field.yaml").write_text(TENANT.replace('"4020"}', '"4020", "Client Gifts": "4020"}'))
    world.report("R1", cents=1300)
    run.clear()
    for index in held:
        run.load(index)
    run.acknowledge()
    # A run by schedule later, the whole first run cleared, and reports paid meanwhile.
    world.report("R2", status="Reimbursed", category="Client Gifts")
    world.report("R3", day="2025-11-03")
    run_of(world).post_all()
    run.clear()
    run.post_all()

    assert sorted(world.journals().values()) == ["posted"] * 3
    jobs = world.sandbox.expensify.jobs
    assert {job.operation for job in jobs} == {"file", "download"}
    assert {job.type for job in jobs} <= {"file", "download", "get"}
    assert not any(job.description.get("onFinish") for job in jobs), "an export that marks is a write"
    assert world.sandbox.expensify.labels == {}
    assert [job.code for job in jobs] == [200] * len(jobs)
    assert world.rows("SELECT count(*) FROM report WHERE exported_at IS NOT NULL") == [(0,)]


def test_a_journal_waits_for_its_dimension_and_posts_with_the_next_run(world: World, ifs: Company) -> None:
    world.report("R1")
    first = run_of(world)
    first.until_validated()
    with pytest.raises(Held, match="100"):
        first.load(0)
    assert list(world.journals().values()) == ["held"]
    first.state = "failed"
    ifs.add_code("B", "100")
    run_of(world).post_all()
    assert list(world.journals().values()) == ["posted"]
    assert [voucher.rows[0].reference for voucher in ifs.vouchers] == ["R1"]


def test_the_approval_chain_is_in_the_ledger(world: World, ifs: Company) -> None:
    ifs.add_code("B", "100")
    chain = [
        {"email": "lead@acme.example", "date": "2025-11-01 09:00:00", "fullName": "Lee Lead"},
        {"email": "head@acme.example", "date": "2025-11-02 18:00:00", "fullName": "Hedy Head"},
    ]
    world.report("R1", approvers=chain)
    run_of(world).post_all()
    (text,) = world.rows("SELECT approvers FROM report WHERE report_id = 'R1'")[0]
    kept = [(one["email"], str(one["date"])[:10]) for one in json.loads(text)]
    assert kept == [("lead@acme.example", "2025-11-01"), ("head@acme.example", "2025-11-02")]
