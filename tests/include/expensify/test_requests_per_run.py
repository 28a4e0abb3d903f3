"""What a run costs Expensify in requests: its budget is the tightest of all."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date

import pytest

from include.expensify.client import ExpensifyClient
from include.expensify.extraction import extract, queries_for_reports, queries_for_window
from include.sandbox.expensify import Expensify, Policy, RateLimits
from include.sandbox.server import Sandbox
from include.transport import HttpClient
from tests.include.erps.shared_state import Unlimited

DAY = date(2026, 11, 20)
STATES = ("APPROVED", "REIMBURSED")
REPORTS = [f"R{number}" for number in range(300)]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    expensify = Expensify()
    expensify.credentials["aa_ann"] = "secret"
    expensify.policies["A1"] = Policy("A1", "Ann & Co", categories=[], tags=[], employees=[])
    expensify.limits = RateLimits(windows=())
    for report_id in REPORTS:
        expensify.add_report(
            {
                "reportID": report_id,
                "status": "Approved",
                "created": "2026-11-19",
                "submitted": "2026-11-19",
                "approved": "2026-11-20 18:00:00",
                "currency": "USD",
                "total": 0,
                "policyID": "A1",
                "transactionList": [],
            }
        )
    with Sandbox(expensify=expensify) as running:
        yield running


def client(sandbox: Sandbox) -> ExpensifyClient:
    return ExpensifyClient(HttpClient(sandbox.url), "aa_ann", "secret", Unlimited())


def test_a_run_costs_one_export_and_one_download(sandbox: Sandbox) -> None:
    with client(sandbox) as expensify:
        summary = extract(expensify, queries_for_window(DAY, DAY, STATES, ["A1"]), io.BytesIO(), {})
    assert summary.reports == 300
    assert len(sandbox.calls) == 2


def test_reports_of_held_journals_cost_one_more_export_and_download(sandbox: Sandbox) -> None:
    queries = queries_for_window(DAY, DAY, STATES, ["A1"]) + queries_for_reports(REPORTS, ["A1"])
    with client(sandbox) as expensify:
        extract(expensify, queries, io.BytesIO(), {})
    assert len(sandbox.calls) == 4


@pytest.mark.parametrize(("reports", "requests"), [(1, 1), (200, 1), (201, 2)])
def test_marking_costs_one_request_per_two_hundred_reports(sandbox: Sandbox, reports: int, requests: int) -> None:
    with client(sandbox) as expensify:
        expensify.mark_exported(REPORTS[:reports], "posted")
    assert len(sandbox.calls) == requests
    assert {report_id for report_id, labels in sandbox.expensify.labels.items() if "posted" in labels} == set(
        REPORTS[:reports]
    )
