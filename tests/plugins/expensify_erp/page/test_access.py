"""Nobody sees money that Airflow would not show them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.models.dag import DagModel
from expensify_erp.page.app import create_app
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from tests.include.ledger.company import Company
from tests.plugins.expensify_erp.page.conftest import HTML, AuthManager

Browser = Callable[[str | None], TestClient]
ALBION = {"tenant": "albion", "target": "plain:erp.example:TWO", "key": "20261120-1"}
ALBIONS_CAUSE = {
    "tenant": "albion",
    "target": "plain:erp.example:TWO",
    "code": "category_unmapped",
    "subject": "Secret Category",
    "currency": "USD",
}
DOORS = sorted(route.path for route in create_app().routes if isinstance(route, APIRoute))
LISTS = ["/", "/journals", "/journals.csv", "/audit.csv", "/held", "/held.csv", "/expenses", "/expenses.csv"]
LISTS += ["/findings", "/findings.csv", "/reconcile", "/reconcile.csv", "/cut-over"]


def test_the_lists_of_these_tests_are_complete() -> None:
    assert set(DOORS) - set(LISTS) == {"/journals/one", "/journals/state.json", "/held/cause", "/held/replays.json"}


@pytest.mark.parametrize("door", DOORS)
def test_without_a_session_there_is_nothing(page: Browser, midwest: Company, door: str) -> None:
    answer = page(None).get(door, params=ALBIONS_CAUSE | ALBION)
    assert answer.status_code == 401
    assert answer.headers["cache-control"] == "no-store"


def test_a_person_without_a_session_is_shown_the_way_to_the_log_in(page: Browser, midwest: Company) -> None:
    answer = page(None).get("/journals?tenant=midwest", headers=HTML)
    assert answer.status_code == 401
    assert "/api/v2/auth/login?next=%2Fexpense-ledger%2Fjournals%3Ftenant%3Dmidwest" in answer.text


@pytest.mark.parametrize("door", ["/journals.csv", "/journals/state.json"])
def test_a_download_without_a_session_is_no_page(page: Browser, midwest: Company, door: str) -> None:
    answer = page(None).get(door, params=ALBION, headers=HTML)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/json")


def test_a_forged_session_is_none(page: Browser, midwest: Company) -> None:
    browser = page(None)
    browser.cookies.set("_token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4iLCJyb2xlIjoiQURNSU4ifQ.")
    assert browser.get("/journals").status_code == 403


@pytest.mark.parametrize("door", DOORS)
def test_without_the_right_to_plugins_there_is_nothing(
    viewer: TestClient, auth: AuthManager, midwest: Company, door: str
) -> None:
    auth.shows_plugins = False
    assert viewer.get(door, params=ALBIONS_CAUSE | ALBION).status_code == 403


@pytest.mark.parametrize("door", LISTS)
def test_a_tenant_whose_dag_is_hidden_is_in_no_list(
    admin: TestClient, auth: AuthManager, albion: Company, door: str
) -> None:
    seen = admin.get(door, params={"settled": "yes"}).text
    auth.hidden_dags = {"expenses__albion"}
    answer = admin.get(door, params={"settled": "yes"})
    assert answer.status_code == 200
    for word in ("albion", "Secret", "999.00", "A1"):
        assert word not in answer.text
    if door not in ("/findings", "/findings.csv", "/reconcile.csv"):
        assert "albion" in seen, "the test would pass over an empty list too"


@pytest.mark.parametrize("door", ["/", "/journals", "/journals.csv", "/held", "/held.csv", "/expenses", "/findings"])
def test_a_guessed_tenant_is_not_told_from_one_that_is_not_there(
    admin: TestClient, auth: AuthManager, albion: Company, door: str
) -> None:
    auth.hidden_dags = {"expenses__albion"}
    hidden = admin.get(door, params={"tenant": "albion"})
    missing = admin.get(door, params={"tenant": "nobody"})
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.json() == missing.json()


@pytest.mark.parametrize("door", ["/journals/one", "/journals/state.json"])
def test_a_guessed_journal_is_not_there(admin: TestClient, auth: AuthManager, albion: Company, door: str) -> None:
    assert admin.get(door, params=ALBION).status_code == 200
    auth.hidden_dags = {"expenses__albion"}
    hidden = admin.get(door, params=ALBION)
    missing = admin.get(door, params={**ALBION, "key": "20261120-9"})
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.json() == missing.json()


def test_a_guessed_cause_tells_nothing(admin: TestClient, auth: AuthManager, albion: Company) -> None:
    assert "20261120-1" in admin.get("/held/cause", params=ALBIONS_CAUSE).text
    assert len(admin.get("/held/replays.json", params=ALBIONS_CAUSE).json()["replays"]) == 1
    auth.hidden_dags = {"expenses__albion"}
    assert admin.get("/held/cause", params=ALBIONS_CAUSE).status_code == 404
    assert admin.get("/held/replays.json", params=ALBIONS_CAUSE).json() == {"replays": []}


def test_history_under_an_earlier_name_belongs_to_the_tenant_of_today(
    admin: TestClient, auth: AuthManager, albion: Company, tenants_folder: Path
) -> None:
    tenant_file(tenants_folder, "albion_services", ["albion"])
    assert "Secret Category" in admin.get("/held", params={"tenant": "albion_services"}).text
    auth.hidden_dags = {"expenses__albion_services"}
    assert "Secret Category" not in admin.get("/held").text
    assert admin.get("/journals/one", params=ALBION).status_code == 404


def tenant_file(folder: Path, name: str, formerly: list[str]) -> None:
    (folder / f"{name}.yaml").write_text(
        f"""
schedule: "0 6 * * *"
timezone: America/Chicago
start_date: 2026-11-01
formerly: {formerly}
expensify: {{connection: expensify}}
erp: {{type: plain, connection: plain}}
posting: {{currency: USD, credit: {{reimbursable: "2150", company_card: "2160"}}}}
mapping: {{gl_account: {{values: {{"Meals": "6100"}}}}}}
"""
    )


@pytest.mark.parametrize(
    ("role", "replays", "settles"), [("viewer", False, False), ("user", True, True), ("admin", True, True)]
)
def test_buttons_are_for_those_whom_airflow_lets_act(
    page: Browser, midwest: Company, role: str, replays: bool, settles: bool
) -> None:
    named = {"tenant": "midwest", "target": "plain:erp.example:ONE", "key": "20261119-1"}
    text = page(role).get("/journals/one", params=named).text
    assert ("data-replay=" in text, "data-settle=" in text) == (replays, settles)
    held = page(role).get("/held").text
    assert ("data-replays=" in held) == replays


def test_what_is_changed_is_asked_per_tenant(admin: TestClient, auth: AuthManager, midwest: Company) -> None:
    read_only(auth, "expenses__midwest")
    named = {"tenant": "midwest", "target": "plain:erp.example:ONE", "key": "20261119-1"}
    text = admin.get("/journals/one", params=named).text
    assert "Gifts" in text
    assert "data-replay=" not in text


def read_only(auth: AuthManager, dag_id: str) -> None:
    allow = auth.is_authorized_dag

    def only_reading(*, method: Any, user: Any, access_entity: Any = None, details: Any = None) -> bool:
        if details and details.id == dag_id and method != "GET":
            return False
        return allow(method=method, user=user, access_entity=access_entity, details=details)

    auth.is_authorized_dag = only_reading  # type: ignore[method-assign]


def test_with_teams_a_dag_is_asked_for_with_the_team_that_owns_it(
    admin: TestClient, auth: AuthManager, albion: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, str | None] = {}

    def remember(*, dag_ids: set[str], user: Any, method: str, team_name: str | None) -> set[str]:
        asked.update(dict.fromkeys(dag_ids, team_name))
        return set() if team_name == "north" else dag_ids

    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
    monkeypatch.setattr(
        DagModel, "get_dag_id_to_team_name_mapping", staticmethod(lambda _dag_ids: {"expenses__albion": "north"})
    )
    monkeypatch.setattr(auth, "filter_authorized_dag_ids", remember)
    text = admin.get("/journals").text
    assert asked == {"expenses__albion": "north", "expenses__midwest": None}
    assert ("midwest" in text, "albion" in text) == (True, False)
