"""The demo's Dynamics GP tenant, from its tenant file to the journals in GP's books."""

from datetime import date
from pathlib import Path

import yaml

from include.erps.dynamics_gp.client import DynamicsGpErp
from include.erps.port import Draft, Line
from include.sandbox.dynamics_gp import DynamicsGp
from include.sandbox.dynamics_gp.demo import seed
from include.sandbox.server import Sandbox
from include.settings.tenant import Tenant, tenant_from

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "include" / "sandbox" / "tenants"
TODAY = date(2026, 11, 21)


def tenant() -> Tenant:
    content = yaml.safe_load((FOLDER / "harbor_logistics.yaml").read_text())
    return tenant_from(content, "harbor_logistics", FOLDER)


def test_every_expense_has_an_account_and_the_account_exists() -> None:
    sandbox = Sandbox(DynamicsGp())
    company = seed(sandbox, TODAY).companies[2]
    known = tenant()
    used = set()
    for report in sandbox.expensify.reports.values():
        for line in report["transactionList"]:
            gl = known.mapping.gl_account.values[line["category"]]
            center = known.mapping.dimensions["cost_center"].values[line["tag"]]
            used.add(known.erp.account(gl, {"cost_center": center}))
    used |= {"000-2105-00", "000-2110-00"}
    assert used <= company.accounts.keys()
    assert len(used) == 8


def test_totals_are_the_sums_of_their_lines() -> None:
    sandbox = Sandbox(DynamicsGp())
    seed(sandbox, TODAY)
    totals = {name: report["total"] for name, report in sandbox.expensify.reports.items()}
    assert totals == {
        "R00HARB001": 86030, "R00HARB002": 3450, "R00HARB003": 16949, "R00HARB004": 11360, "R00HARB005": 9616,
    }  # fmt: skip


def test_the_tenants_account_posts_into_the_demo_company() -> None:
    sandbox = Sandbox(DynamicsGp())
    company = seed(sandbox, TODAY).companies[2]
    (connection,) = [
        one
        for one in yaml.safe_load((ROOT / "airflow_settings.yaml").read_text())["airflow"]["connections"]
        if one["conn_id"] == "gp_harbor"
    ]
    day = date(2026, 11, 18)
    lines = (Line(1, "300-6510-00", 5875, {"cost_center": "300"}, "Meals"), Line(2, "000-2105-00", -5875))
    draft = Draft("R1", "EXP R1", "journal", "USD", day, day, "", lines)
    with (
        sandbox,
        DynamicsGpErp(
            sandbox.url,
            connection["conn_login"],
            connection["conn_password"],
            auth=connection["conn_extra"]["auth"],
            settings=tenant().erp,  # type: ignore[arg-type]
        ) as erp,
    ):
        (verdict,) = erp.check([draft])
        assert verdict.problems == ()
        made = erp.create(verdict.draft, lambda document: None)
        assert erp.complete(verdict.draft, made).number == "27041"
    assert [(one.batch, one.reference, one.debit_cents) for one in company.journals] == [("EXP202611", "EXP R1", 5875)]
