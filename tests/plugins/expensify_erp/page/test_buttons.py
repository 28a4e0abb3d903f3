"""The buttons in a real Chromium: the page answers itself, Airflow's API is played by the test."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

from include.ledger.database import Ledger
from tests.e2e.chromium import Console, browser_page
from tests.include.ledger.company import Company, expense, report
from tests.plugins.expensify_erp.page.conftest import take

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

DAG = "expenses__midwest"
ORIGIN = "http://airflow.example"


class Airflow:
    """Answers for ``/api/v2``: (method, path) to (status, body); everything asked is kept."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {
            ("GET", f"dags/{DAG}"): (200, {"is_paused": False}),
            ("POST", f"dags/{DAG}/clearTaskInstances"): (200, {"task_instances": [{}]}),
            ("GET", f"dags/{DAG}/dagRuns/run-1"): (200, {"state": "failed"}),
            ("POST", f"dags/{DAG}/dagRuns"): (200, {"dag_run_id": "manual-1"}),
            ("GET", f"dags/{DAG}/dagRuns/manual-1"): (200, {"state": "failed"}),
        }

    def __call__(self, method: str, path: str, body: str | None) -> tuple[int, Any]:
        self.asked.append((method, path, json.loads(body) if body else None))
        return self.answers.get((method, path), (404, {"detail": "not found"}))

    def changes(self) -> list[tuple[str, Any]]:
        return [(path, body) for method, path, body in self.asked if method == "POST"]


@pytest.fixture
def airflow() -> Airflow:
    return Airflow()


@pytest.fixture
def window(admin: TestClient, airflow: Airflow) -> Iterator[Page]:
    """A browser window whose requests go to the page or to the played Airflow, never to a network."""
    console = Console()

    def answer(route: Route) -> None:
        request = route.request
        address = urlsplit(request.url)
        if address.path.startswith("/api/v2/"):
            status, body = airflow(request.method, address.path.removeprefix("/api/v2/"), request.post_data)
            route.fulfill(status=status, json=body)
            return
        path = address.path.removeprefix("/expense-ledger") + (f"?{address.query}" if address.query else "")
        found = admin.get(path, headers={"accept": request.headers.get("accept", "")})
        route.fulfill(status=found.status_code, headers=dict(found.headers), body=found.content)

    with browser_page(console) as page:
        page.set_default_timeout(30_000)
        page.route("**/*", answer)
        yield page
    assert [error for error in console.errors if "Failed to load resource" not in error] == []


def replay(window: Page, verdict: str) -> str:
    """Press the button, agree, wait for the verdict; returns what the dialog says."""
    window.goto(f"{ORIGIN}/expense-ledger/held")
    window.get_by_role("button", name=re.compile("^Replay")).first.click()
    window.get_by_role("dialog").get_by_role("button", name="Replay").click()
    window.get_by_text(verdict).wait_for()
    return window.get_by_role("dialog").inner_text()


def position(company: Company, key: str) -> int:
    from include.ledger import tables

    return next(row["position"] for row in company.rows(tables.run_journal) if row["journal_key"] == key)


CLEAR = f"dags/{DAG}/clearTaskInstances"
CLEARED = {
    "dry_run": False,
    "dag_run_id": "run-1",
    "only_failed": True,
    "reset_dag_runs": True,
    "include_downstream": True,
}


def test_the_red_box_of_the_run_is_cleared_with_what_is_behind_it(
    window: Page, airflow: Airflow, midwest: Company
) -> None:
    said = replay(window, "1 of 1 still need attention.")
    assert airflow.changes() == [(CLEAR, {**CLEARED, "task_ids": [["load", position(midwest, "20261119-1")]]})]
    assert "run-1: cleared" in said
    assert "Category 'Gifts' has no account" in said


def test_boxes_of_one_run_are_cleared_together(window: Page, airflow: Airflow, ledger: Ledger) -> None:
    company = Company(ledger, "midwest", posting={"per": "report"})
    take(company, *(report(f"R{n}", expense(f"t{n}", 100, "Gifts")) for n in (1, 2, 3)))
    replay(window, "3 of 3 still need attention.")
    assert airflow.changes() == [(CLEAR, {**CLEARED, "task_ids": [["load", 0], ["load", 1], ["load", 2]]})]


@pytest.mark.parametrize(
    "gone",
    [(404, {"detail": "Dag Run id run-1 not found"}), (200, {"task_instances": []})],
    ids=["the run was deleted", "its box is not red"],
)
def test_without_a_box_to_clear_a_run_is_started_for_the_journal(
    window: Page, airflow: Airflow, midwest: Company, gone: tuple[int, Any]
) -> None:
    airflow.answers["POST", CLEAR] = gone
    said = replay(window, "1 of 1 still need attention.")
    assert airflow.changes()[1:] == [
        (f"dags/{DAG}/dagRuns", {"logical_date": None, "conf": {"journals": ["20261119-1"]}})
    ]
    assert "a new one was started" in said


def test_a_box_that_runs_already_is_waited_for_and_not_cleared_twice(
    window: Page, airflow: Airflow, midwest: Company
) -> None:
    airflow.answers["POST", CLEAR] = (200, {"task_instances": []})
    states = iter(["running", "running", "failed"])
    plain = airflow.__call__

    def ask(method: str, path: str, body: str | None) -> tuple[int, Any]:
        if (method, path) == ("GET", f"dags/{DAG}/dagRuns/run-1"):
            return 200, {"state": next(states, "failed")}
        return plain(method, path, body)

    answer_with(window, ask)
    assert "it is running already" in replay(window, "1 of 1 still need attention.")
    assert len(airflow.changes()) == 1


def answer_with(window: Page, ask: Callable[[str, str, str | None], tuple[int, Any]]) -> None:
    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path.removeprefix("/api/v2/")
        status, body = ask(route.request.method, path, route.request.post_data)
        route.fulfill(status=status, json=body)

    window.route("**/api/v2/**", answer)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((403, {"detail": "Forbidden"}), "Your Airflow user may not do this."),
        ((401, {"detail": "Not authenticated"}), "Your Airflow session has ended: log in again."),
        ((409, {"detail": "the run is locked"}), "the run is locked"),
    ],
)
def test_a_refusal_is_told_and_nothing_else_is_tried(
    window: Page, airflow: Airflow, midwest: Company, answer: tuple[int, Any], said: str
) -> None:
    airflow.answers["POST", CLEAR] = answer
    replay(window, said)
    assert len(airflow.changes()) == 1


def test_a_paused_dag_is_told_before_anything_is_cleared(window: Page, airflow: Airflow, midwest: Company) -> None:
    airflow.answers["GET", f"dags/{DAG}"] = (200, {"is_paused": True})
    replay(window, f"The DAG {DAG} is paused")
    assert airflow.changes() == []


def test_nothing_happens_before_a_person_agrees(window: Page, airflow: Airflow, midwest: Company) -> None:
    window.goto(f"{ORIGIN}/expense-ledger/held")
    window.get_by_role("button", name="Replay").first.click()
    window.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    window.get_by_role("button", name="Replay").first.click()
    window.keyboard.press("Escape")
    assert airflow.asked == []


def test_reports_are_closed_from_pasted_text(window: Page, airflow: Airflow, midwest: Company) -> None:
    airflow.answers["GET", "dags/settle"] = (200, {"is_paused": False})
    airflow.answers["POST", "dags/settle/dagRuns"] = (200, {"dag_run_id": "decision-1"})
    airflow.answers["GET", "dags/settle/dagRuns/decision-1"] = (200, {"state": "success"})
    window.goto(f"{ORIGIN}/expense-ledger/cut-over")
    window.get_by_label(re.compile("^Report IDs")).fill("reportID,total\nR7,12.00\nR8,3.00\nR7,12.00")
    window.get_by_label("Reason (mandatory)").fill(" posted by the old interface ")
    window.get_by_role("button", name="Close these reports").click()
    window.get_by_role("dialog").get_by_role("button", name="Close").click()
    window.get_by_text("Done.", exact=True).wait_for()
    conf = {
        "tenant": "midwest",
        "action": "close",
        "reason": "posted by the old interface",
        "report_ids": ["R7", "R8"],
    }
    assert airflow.changes() == [("dags/settle/dagRuns", {"logical_date": None, "conf": conf})]


def test_adopting_needs_the_documents_number(window: Page, airflow: Airflow, midwest: Company) -> None:
    window.goto(f"{ORIGIN}/expense-ledger/journals?state=held")
    window.get_by_role("link", name="20261119-1").click()
    window.get_by_label("Reason (mandatory)").fill("it is there")
    window.get_by_role("button", name="Adopt").click()
    window.get_by_text("To adopt, give the number of the document in the ERP.").wait_for()
    assert airflow.asked == []
