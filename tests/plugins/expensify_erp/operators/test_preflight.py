"""The preflight of a tenant between a simulated Expensify and a simulated SYSPRO, over sockets, with a real ledger."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from expensify_erp import preflight as preflight_module
from expensify_erp.operators.preflight import PreflightOperator
from expensify_erp.preflight import preflight_of

from include.errors import Held, Misconfigured
from include.ledger import tables
from include.preflight.report import Preflight
from include.sandbox.faults import Drop, Fault
from include.sandbox.syspro import Operator
from tests.plugins.expensify_erp.operators.conftest import World

NOW = datetime(2025, 11, 21, 18, tzinfo=UTC)
POOLS = {"default_pool": 128, "syspro_acme": 1}
MEALS = {"name": "Meals", "enabled": True, "glCode": ""}
GIFTS = {"name": "Gifts", "enabled": True}
PLANTS = [{"name": "Plant 1", "enabled": True}]


@pytest.fixture
def ready(world: World) -> World:
    """A site where all is right: the policy's one category and one tag are mapped."""
    policy = world.sandbox.expensify.policies["A1"]
    policy.categories, policy.tags = [MEALS], list(PLANTS)
    return world


def asked(pools: dict[str, int] | None = POOLS) -> Preflight:
    return preflight_of("acme", pools, NOW)


def levels(result: Preflight) -> dict[str, str]:
    """The worst level of each subject."""
    order = ["ok", "warning", "blocking"]
    found: dict[str, str] = {}
    for one in result.findings:
        found[one.subject] = max(found.get(one.subject, "ok"), one.level, key=order.index)
    return found


def mapped(result: Preflight) -> dict[str, tuple[str, str, int, str]]:
    return {row.name: (row.what, row.goes_to, row.used, row.level) for row in result.rows}


class TestAGoodSite:
    def test_nothing_blocks_and_every_side_was_asked(self, ready: World) -> None:
        ready.report("R1")
        result = asked()
        assert result.blocking == []
        assert set(levels(result).values()) == {"ok"}
        assert {
            "tenant file",
            "pool",
            "worker queue",
            "ledger",
            "archive",
            "keys",
            "Expensify",
            "policy A1",
            "reports",
            "syspro: log-on",
            "syspro: ledger currency",
            "syspro: references",
            "syspro: periods",
            "syspro: accounts",
        } <= set(levels(result))
        assert result.text().endswith("Nothing would block.")

    def test_the_mapping_says_where_each_name_lands_and_by_which_rule(self, ready: World) -> None:
        ready.report("R1")
        result = asked()
        assert mapped(result) == {
            "Meals": ("category", "6100", 1, "ok"),
            "Plant 1": ("tag", "cost_center P1", 1, "ok"),
            "reimbursable": ("credit", "2150-00", 0, "ok"),
            "company_card.default": ("credit", "2160-00", 0, "ok"),
        }
        rules = {row.name: row.rule for row in result.rows}
        assert rules["Meals"] == "mapping.gl_account.values['Meals']"
        assert rules["Plant 1"] == "mapping.dimensions.cost_center.values['Plant 1']"

    def test_reports_are_counted_by_what_became_of_them(self, ready: World) -> None:
        ready.tenant(expensify={"mark_exported": "syspro-acme"})
        ready.report("R1")
        ready.run().post_all()
        ready.report("R2", day="2025-11-05")
        ready.report("R3", day="2025-11-06", status="Reimbursed")
        ready.report("R4", day="2025-11-07", status="Closed")
        ready.report("R5", day="2025-10-31")
        said = [one.message for one in asked().findings if one.subject == "reports"]
        assert said == [
            "2 approved, 1 reimbursed, 1 closed (approved from 2025-11-01 to 2025-11-21); 1 of them are posted already, "
            "1 carry the label syspro-acme; 2 would be taken up",
            "1 were approved before start_date 2025-11-01 and stay out",
        ]


class TestItWritesNothing:
    def test_neither_ledger_nor_erp_nor_expensify_nor_archive_changes(self, ready: World, tmp_path: Path) -> None:
        ready.tenant(expensify={"mark_exported": "syspro-acme"})
        ready.report("R1")
        ready.run().post_all()
        ready.report("R2", day="2025-11-05", category="Gifts")
        ready.ledger.close()
        before = _traces(ready, tmp_path)
        jobs = len(ready.sandbox.expensify.jobs)
        assert asked().blocking
        assert _traces(ready, tmp_path) == before
        new = {job.operation for job in ready.sandbox.expensify.jobs[jobs:]}
        assert new == {"get:policyList", "get:policy", "file", "download"}

    def test_a_ledger_that_is_not_there_is_not_made(
        self, ready: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        missing = tmp_path / "nowhere" / "ledger.db"
        monkeypatch.setenv("AIRFLOW_CONN_EXPENSE_LEDGER", f'{{"conn_type": "sqlite", "host": "{missing}"}}')
        result = asked()
        assert result.blocking == []
        assert not missing.parent.exists()

    def test_an_archive_that_is_not_there_is_not_made(self, ready: World) -> None:
        assert asked().blocking == []
        assert not ready.archive.exists()


class TestWhatBlocks:
    @pytest.mark.parametrize(
        ("pools", "level"),
        [
            ({"default_pool": 1}, "blocking"),
            ({"syspro_acme": 0}, "blocking"),
            ({"syspro_acme": 4}, "warning"),
            (None, "warning"),
        ],
        ids=["missing", "empty", "too-wide", "unknown"],
    )
    def test_a_pool_that_keeps_tasks_waiting(self, ready: World, pools: dict[str, int] | None, level: str) -> None:
        assert levels(asked(pools))["pool"] == level

    def test_a_category_without_an_account_blocks_when_reports_use_it(self, ready: World) -> None:
        ready.sandbox.expensify.policies["A1"].categories = [MEALS, GIFTS]
        assert mapped(asked())["Gifts"] == ("category", "?", 0, "warning")
        ready.report("R1", category="Gifts")
        result = asked()
        assert mapped(result)["Gifts"] == ("category", "?", 1, "blocking")
        assert result.blocking == [
            "category Gifts: has no account: write it under mapping.gl_account.values in acme.yaml"
        ]

    def test_an_account_that_the_erp_lacks_is_named(self, ready: World) -> None:
        ready.sandbox.expensify.policies["A1"].categories = [MEALS, {"name": "Airfare", "enabled": True}]
        ready.report("R1", category="Airfare")
        result = asked()
        assert mapped(result)["Airfare"] == ("category", "6200", 1, "blocking")
        assert mapped(result)["Meals"][3] == "ok"
        assert any("SYSPRO has no GL code 6200-P1" in line for line in result.blocking)

    def test_a_missing_combination_of_account_and_cost_center_is_a_warning(self, ready: World) -> None:
        ready.tenant(
            mapping={
                "dimensions": {
                    "cost_center": {"tag": 1, "required": True, "values": {"Plant 1": "P1", "Plant 2": "P2"}}
                }
            }
        )
        ready.sandbox.expensify.policies["A1"].tags = [*PLANTS, {"name": "Plant 2", "enabled": True}]
        rows = {row.name: row for row in asked().rows}
        assert (rows["Meals"].level, rows["Meals"].note) == (
            "warning",
            "1 of 2 combinations exist in the ERP; missing: 6100-P2",
        )
        assert rows["Plant 1"].level == "ok"
        assert rows["Plant 2"].level == "warning"
        assert "SYSPRO has no GL code 6100-P2" in rows["Plant 2"].note

    def test_a_missing_combination_that_a_report_needs_blocks(self, ready: World) -> None:
        values = {"Plant 1": "P1", "Plant 2": "P2"}
        ready.tenant(mapping={"dimensions": {"cost_center": {"tag": 1, "required": True, "values": values}}})
        ready.sandbox.expensify.policies["A1"].tags = [*PLANTS, {"name": "Plant 2", "enabled": True}]
        (meal,) = ready.report("R1")["transactionList"]
        ready.report("R1", transactionList=[{**meal, "tag": "Plant 2", "ntag1": "Plant 2"}])
        rows = {row.name: row for row in asked().rows}
        assert (rows["Meals"].level, rows["Plant 2"].level, rows["Plant 1"].level) == ("blocking", "blocking", "ok")
        assert rows["Meals"].note == "1 of 2 combinations exist in the ERP; missing: 6100-P2"

    def test_a_balancing_account_that_the_erp_lacks(self, ready: World) -> None:
        with ready.sandbox.lock:
            del ready.company.accounts["2160-00"]
        assert mapped(asked())["company_card.default"][3] == "blocking"

    def test_a_policy_that_is_not_seen_or_no_classic_workspace(self, ready: World) -> None:
        ready.sandbox.expensify.policies["A1"].type = "free"
        ready.tenant(expensify={"policies": ["A1", "B2"]})
        result = asked()
        found = levels(result)
        assert (found["policy A1"], found["policy B2"]) == ("blocking", "blocking")
        assert any("no Classic workspace" in line for line in result.blocking)

    def test_another_currency_in_the_ledger(self, ready: World) -> None:
        with ready.sandbox.lock:
            ready.company.currency = "EUR"
        assert levels(asked())["syspro: ledger currency"] == "blocking"

    def test_a_prefix_that_no_reference_can_carry(self, ready: World) -> None:
        ready.tenant(posting={"reference_prefix": "P" * 40})
        result = asked()
        assert levels(result)["syspro: references"] == "blocking"
        assert any("every journal would be held" in line for line in result.blocking)

    def test_a_tenant_file_that_is_wrong_is_all_there_is_to_say(self, ready: World) -> None:
        ready.tenant(start_date="no day")
        result = asked()
        assert levels(result) == {"tenant file": "blocking"}
        assert ready.sandbox.operations("expensify") == []


class TestOneFailureHidesNothing:
    def test_expensify_is_checked_although_the_erp_does_not_answer(self, ready: World) -> None:
        ready.sandbox.faults.add(Fault("syspro", "*", Drop(), times=99))
        found = levels(asked())
        assert (found["policy A1"], found["reports"], found["syspro: log-on"]) == ("ok", "ok", "blocking")

    def test_the_erp_is_checked_although_expensify_refuses_the_credentials(self, ready: World) -> None:
        ready.sandbox.expensify.credentials = {"aa_acme": "another"}
        found = levels(asked())
        assert (found["Expensify"], found["syspro: log-on"], found["syspro: ledger currency"]) == (
            "blocking",
            "ok",
            "ok",
        )

    def test_a_refused_log_on_is_tried_once(self, ready: World) -> None:
        with ready.sandbox.lock:
            ready.sandbox.syspro.add_operator(Operator("ROBOT", "another-secret"))
        result = asked()
        assert levels(result)["syspro: log-on"] == "blocking"
        assert ready.asked_for("Logon") == 1
        assert "robot-secret" not in result.text()

    def test_an_unforeseen_error_is_a_finding(self, ready: World, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: Any) -> None:
            raise ZeroDivisionError("with a secret in it")

        monkeypatch.setattr(preflight_module, "_archive", fail)
        result = asked()
        assert levels(result)["archive"] == "blocking"
        assert "secret" not in result.text()
        assert levels(result)["syspro: log-on"] == "ok"

    def test_while_a_journal_is_being_posted_syspro_is_left_alone(self, ready: World) -> None:
        row = {
            "tenant": "acme", "target": "t", "journal_key": "20251102-1", "started_at": datetime.now(UTC),
            "lease_until": datetime(2099, 1, 1, tzinfo=UTC),
        }  # fmt: skip
        with ready.ledger.write() as connection:
            connection.execute(tables.attempt.insert().values(**row))
        assert levels(asked())["syspro"] == "blocking"
        assert ready.sandbox.operations("syspro") == []


class TestTheOperator:
    @pytest.fixture(autouse=True)
    def today(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("include.preflight.run.utc_now", lambda: NOW)

    def run(self, world: World, pools: dict[str, int] | None = None, **params: str) -> dict[str, Any]:
        pushed: dict[str, Any] = {}
        ti = SimpleNamespace(xcom_push=pushed.__setitem__)
        context: Any = {
            "params": params,
            "ti": ti,
            "dag_run": SimpleNamespace(conf={"tenant": "x", "pools": pools} if pools else None),
        }
        self.pushed = pushed
        PreflightOperator(task_id="preflight").execute(context)
        return pushed

    def test_without_a_tenant_it_names_those_there_are(self, ready: World) -> None:
        with pytest.raises(Misconfigured, match=r"name the tenant in the param `tenant`; .* are: acme"):
            self.run(ready, tenant=" ")

    def test_it_logs_the_tables_and_pushes_the_rows(self, ready: World, capsys: pytest.CaptureFixture[str]) -> None:
        pushed = self.run(ready, POOLS, tenant="acme")
        assert "Preflight of acme" in capsys.readouterr().out
        assert pushed["preflight"]["blocking"] == 0
        assert {row["name"] for row in pushed["preflight"]["mapping"]} >= {"Meals", "Plant 1"}

    def test_it_fails_and_names_what_blocks(self, ready: World) -> None:
        with pytest.raises(Held, match="would block acme:\npool: the pool syspro_acme does not exist"):
            self.run(ready, {"default_pool": 128}, tenant="acme")
        assert self.pushed["preflight"]["blocking"] == 1


def _traces(world: World, folder: Path) -> dict[str, str]:
    """A fingerprint of everything that a run would change."""
    with world.sandbox.lock:
        expensify = repr(
            (world.sandbox.expensify.reports, world.sandbox.expensify.labels, world.sandbox.expensify.policies)
        )
        erp = repr((world.company.journals, world.company.accounts))
    files = {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    return {"expensify": expensify, "erp": erp, **files}
