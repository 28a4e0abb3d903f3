"""Our connection types in a real Airflow: the forms' fields, and the Test button for good and bad credentials."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from typing import Any

import pytest

from include.sandbox.server import Sandbox
from include.sandbox.syspro import Company, Operator
from scripts.local_airflow import LocalAirflow

pytestmark = pytest.mark.airflow

TYPES = {"expensify", "syspro", "acumatica", "dynamics_gp", "sage_100", "ifs_cloud"}


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    if not any(one.value.startswith("expensify_erp_provider") for one in entry_points(group="apache_airflow_provider")):
        pytest.skip("the provider is not installed here: make venv installs it")


def test_airflow_shows_the_six_types_with_their_fields(airflow: LocalAirflow) -> None:
    api = airflow.api
    api.health()
    listed = api.request("GET", "providers", params={"limit": 200})["providers"]
    assert "expensify-erp-provider" in {row["package_name"] for row in listed}
    api._authorize()
    answer = api._http.get("/ui/connections/hook_meta").raise_for_status().json()
    forms = {row["connection_type"]: row for row in answer}
    assert set(forms) >= TYPES
    syspro = forms["syspro"]
    assert syspro["standard_fields"]["login"]["title"] == "Operator"
    assert list(syspro["extra_fields"]) == ["company_id", "company_password", "verify"]


def test_the_test_button_tells_good_credentials_from_bad_ones(airflow: LocalAirflow, sandbox: Sandbox) -> None:
    with sandbox.lock:
        sandbox.syspro.add_operator(Operator("FORMS", "forms-operator-word"))
        sandbox.syspro.add_company(
            Company("FRM", "Forms", password="forms-company-word", year=2026, period=11, first_number=1)
        )
        sandbox.expensify.credentials["aa_forms"] = "forms-partner-word"

    def tested(conn_type: str, login: str, password: str, **extra: str) -> dict[str, Any]:
        body = {
            "connection_id": f"forms_{conn_type}",
            "conn_type": conn_type,
            "host": sandbox.host,
            "port": sandbox.port,
            "schema": "http",
            "login": login,
            "password": password,
            "extra": json.dumps({**extra, "verify": None}),
        }
        answer: dict[str, Any] = airflow.api.request("POST", "connections/test", body=body)
        return answer

    company = {"company_id": "FRM", "company_password": "forms-company-word"}
    good = [
        tested("syspro", "FORMS", "forms-operator-word", **company),
        tested("expensify", "aa_forms", "forms-partner-word"),
    ]
    bad = [
        tested("syspro", "FORMS", "quite-another-word", **company),
        tested("expensify", "aa_forms", "quite-another-word"),
    ]
    assert [one["status"] for one in good] == [True, True], good
    assert [one["status"] for one in bad] == [False, False], bad
    assert "word" not in " ".join(one["message"] for one in [*good, *bad]).replace("password", "")
