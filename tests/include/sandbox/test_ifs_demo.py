"""The IFS tenant of the demo: its data fits its tenant file, and all but one report post."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import yaml

from include.erps.ifs_cloud.client import IfsCloudErp
from include.erps.port import Draft, Line
from include.sandbox.ifs_cloud import IfsCloud
from include.sandbox.ifs_cloud.demo import EXPECTED_HELD, POLICY, seed
from include.sandbox.server import Sandbox
from include.settings.tenant import Tenant, tenant_from
from tests.include.erps.shared_state import Budget, Tokens

TODAY = date(2026, 11, 21)
TENANTS = Path(__file__).parents[3] / "include" / "sandbox" / "tenants"


@pytest.fixture
def demo() -> Iterator[Sandbox]:
    sandbox = Sandbox(IfsCloud())
    seed(sandbox, TODAY)
    with sandbox:
        yield sandbox


@pytest.fixture
def tenant() -> Tenant:
    content = yaml.safe_load((TENANTS / "albion_field_services.yaml").read_text())
    return tenant_from(content, "albion_field_services", TENANTS)


def test_all_but_the_declared_report_pass_the_check_and_post(demo: Sandbox, tenant: Tenant) -> None:
    reports = [one for one in demo.expensify.reports.values() if one["policyID"] == POLICY]
    drafts = [draft_of(report, tenant) for report in reports]
    assert [problem for draft in drafts for problem in tenant.erp.problems(draft)] == []
    with IfsCloudErp(
        demo.url,
        "expensify",
        "ifs-client-secret",
        token_path="/auth/realms/albion1/protocol/openid-connect/token",
        settings=tenant.erp,  # type: ignore[arg-type]
        tokens=Tokens(),
        budget=Budget(),
    ) as erp:
        verdicts = erp.check(drafts)
        held = {verdict.draft.key: [one.code for one in verdict.problems] for verdict in verdicts if verdict.problems}
        assert held == {"R00ALBI003": ["dimension_expired"]}
        assert set(held) == EXPECTED_HELD
        for verdict in verdicts:
            if not verdict.problems:
                erp.create(verdict.draft, lambda _: None)
    posted = {str(row["reference"]): row["debit"] for row in demo.service(IfsCloud).documents()}
    assert posted == {
        "R00ALBI001": "442.25",
        "R00ALBI002": "74.12",
        "R00ALBI004": "174.98",
        "R00ALBI005": "175.78",
        "R00ALBI006": "649.00",
    }


def draft_of(report: dict[str, object], tenant: Tenant) -> Draft:
    """One line per expense; the real grouping is not this test's matter."""
    mapping, lines = tenant.mapping, []
    expenses: list[dict[str, object]] = report["transactionList"]  # type: ignore[assignment]
    for expense in expenses:
        dimensions = {"cost_center": mapping.dimensions["cost_center"].values[str(expense["ntag1"])]}
        if "ntag2" in expense:
            dimensions["project"] = mapping.dimensions["project"].values[str(expense["ntag2"])]
        account = mapping.gl_account.values[str(expense["category"])]
        cents = int(str(expense["convertedAmount"] or expense["amount"]))
        credit = "2410" if expense["reimbursable"] else "2420"
        for code, amount, given in ((account, cents, dimensions), (credit, -cents, {})):
            lines.append(Line(len(lines) + 1, code, amount, given, str(expense["merchant"])))
    day = date.fromisoformat(str(report["approved"])[:10])
    key = str(report["reportID"])
    return Draft(key, tenant.erp.reference(key, "EXP", "report"), "journal", "GBP", day, day, key, tuple(lines))
