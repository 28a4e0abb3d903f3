"""One tenant with a very large window: the real operators, each task in a process of its own, over real sockets."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest
import yaml

from include.ledger.database import Ledger
from include.sandbox.expensify import Policy
from include.sandbox.server import Sandbox
from scripts.cluster_check import LedgerView, marked_too_early, unbalanced
from tests.e2e.erps.acumatica import AcumaticaUnderTest
from tests.e2e.erps.syspro import SysproUnderTest
from tests.e2e.erps.under_test import Company, ErpUnderTest, Json
from tests.e2e.reports import Expense, report
from tests.e2e.tenants import ZONE, day
from tests.load.task import Done, Tasks
from tests.plugins.expensify_erp.operators import acme
from tests.plugins.expensify_erp.operators.airflow_stand_in import Airflow

pytestmark = pytest.mark.e2e

POLICY = "A1"
LABEL = "posted"
DAYS = 10
MOST_MEMORY_MB = 1500
REPORTS = int(os.environ.get("LOAD_REPORTS", "5000"))
LINES_EACH = 20


@dataclass
class Large:
    """A tenant with many reports; what must be in the books is counted while they are made, in cents."""

    sandbox: Sandbox
    company: Company
    tasks: Tasks
    ledger: Path
    by_day: Counter[date] = field(default_factory=Counter)
    by_report: dict[str, int] = field(default_factory=dict)
    lines: int = 0

    def approve(self, reports: int, lines: int) -> None:
        chance = random.Random(5000)
        for number in range(reports):
            approved = day(1 + number % DAYS)
            spent = [
                Expense(
                    chance.choice(["Meals", "Airfare"]),
                    chance.randrange(1, 200_000),
                    chance.choice(["Plant 1", "Plant 2"]),
                )
                for _ in range(lines)
            ]
            identity = f"R{number:05}"
            self.sandbox.expensify.add_report(report(identity, POLICY, approved, spent))
            self.by_day[approved] += sum(line.cents for line in spent)
            self.by_report[identity] = sum(line.cents for line in spent)
            self.lines += lines

    def post(self) -> list[Done]:
        tasks = self.tasks
        done = [tasks.perform(step) for step in ("extract", "transform", "validate")]
        done += [tasks.perform("load", box) for box in range(len(tasks.run.xcoms["validate"]))]
        return [*done, tasks.perform("acknowledge")]

    def view(self) -> LedgerView:
        return LedgerView.read(f"sqlite:///{self.ledger}")

    def marked(self) -> set[str]:
        return {name for name, found in self.sandbox.expensify.labels.items() if LABEL in found}


@contextmanager
def large(erp: ErpUnderTest, folder: Path, erp_section: Json, posting: Json) -> Iterator[Large]:
    (folder / "tenants").mkdir()
    with Sandbox(*erp.services()) as sandbox:
        expensify = sandbox.expensify
        expensify.credentials = {"aa_acme": "acme-secret"}
        expensify.policies[POLICY] = Policy(POLICY, "Acme")
        company = erp.found(sandbox, 1)
        settings = {
            "schedule": "0 6 * * *",
            "timezone": str(ZONE),
            "start_date": day(DAYS + 2),
            "expensify": {
                "connection": "expensify_acme",
                "policies": [POLICY],
                "mark_exported": LABEL,
                "request_timeout_s": 600,
            },
            "erp": {**company.erp_section("erp_acme", "pool"), "request_timeout_s": 120, **erp_section},
            "posting": {"currency": "USD", "reference_prefix": "T1", **erp.posting, **posting},
            "mapping": {
                "gl_account": {"values": {"Meals": "6100", "Airfare": "6200"}},
                "dimensions": {
                    "cost_center": {"tag": 1, "required": True, "values": {"Plant 1": "P1", "Plant 2": "P2"}}
                },
            },
        }
        (folder / "tenants" / "acme.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
        file = folder / "ledger.db"
        with Ledger(f"sqlite:///{file}") as ledger:
            ledger.create_if_missing()
        environment = acme.environment(folder, sandbox.port, {"ERP_ACME": company.connection()})
        run = Airflow().run("acme", "manual", None, **{"from": str(day(DAYS)), "to": str(day(1))})
        yield Large(sandbox, company, Tasks(run, environment, folder / "task.log"), file)


def _no_limit_was_exceeded(sandbox: Sandbox) -> None:
    assert sandbox.expensify.limits.refused == 0
    assert [call for call in sandbox.calls if call.status == 429] == []


def _told(title: str, done: list[Done], made: Large, capsys: pytest.CaptureFixture[str]) -> None:
    loads = [one for one in done if one.task.startswith("load")]
    others = [f"{one.task} {one.seconds:.0f} s {one.peak_mb} MB" for one in done if one not in loads]
    with capsys.disabled():
        print(
            f"\n{title}: {', '.join(others)}; {len(loads)} loads {sum(one.seconds for one in loads):.0f} s, "
            f"{max(one.peak_mb for one in loads)} MB at most; {len(made.sandbox.calls)} requests"
        )


def test_five_thousand_reports_in_one_window(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SYSPRO, a journal a day: 100,000 expenses in ten journals."""
    with large(SysproUnderTest(), tmp_path, {}, {}) as made:
        made.approve(REPORTS, LINES_EACH)
        done = made.post()
        _told(f"{REPORTS} reports, {made.lines} lines, per day", done, made, capsys)
        documents = made.company.documents()
        assert {one.posting_date: one.total_debit_cents for one in documents} == made.by_day
        assert len(documents) == DAYS
        view = made.view()
        assert {row["state"] for row in view.journals} == {"posted"}
        assert len({row["transaction_id"] for row in view.expenses}) == len(view.expenses) == REPORTS * LINES_EACH
        assert unbalanced(view) == []
        assert view.findings == []
        assert made.marked() == set(made.by_report)
        _no_limit_was_exceeded(made.sandbox)
        assert max(one.peak_mb for one in done) < MOST_MEMORY_MB
        log = made.tasks.log.read_text()
        assert f"{REPORTS} reports with {REPORTS * LINES_EACH} expenses are in" in log
        assert log.count("is posted: document") == DAYS


def test_a_journal_per_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Acumatica, a journal a report: more journals than boxes, so several share one."""
    with large(AcumaticaUnderTest(), tmp_path, {"settle_s": 0}, {"per": "report"}) as made:
        made.approve(260, 5)
        done = made.post()
        _told("260 reports, 1300 lines, per report", done, made, capsys)
        documents = made.company.documents()
        totals = {one.reference: one.total_debit_cents for one in documents}
        assert len(documents) == 260
        assert sorted(totals.values()) == sorted(made.by_report.values())
        view = made.view()
        assert {row["state"] for row in view.journals} == {"posted"}
        assert len([one for one in done if one.task.startswith("load")]) == 130
        assert len({row["transaction_id"] for row in view.expenses}) == len(view.expenses) == 1300
        assert unbalanced(view) == []
        assert made.marked() == set(made.by_report)
        assert marked_too_early(view, made.sandbox.expensify.jobs) == []
        _no_limit_was_exceeded(made.sandbox)
        assert max(one.peak_mb for one in done) < MOST_MEMORY_MB
        assert made.tasks.log.read_text().count("is posted: document") == 260
