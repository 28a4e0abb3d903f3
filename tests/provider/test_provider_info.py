"""What Airflow is told of our connection types, and that it fits what the hooks read."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from expensify_erp_provider import get_provider_info

from include.erps.registry import ERPS

TYPES = {row["connection-type"]: row for row in get_provider_info()["connection-types"]}
EXTRAS = {
    "expensify": {"verify"},
    "syspro": {"company_id", "company_password", "verify"},
    "acumatica": {"client_id", "client_secret", "tenant", "verify"},
    "dynamics_gp": {"auth", "realm", "service_host", "verify"},
    "sage_100": {"api_key", "verify"},
    "ifs_cloud": {"realm", "token_path", "verify"},
}
SECRETS = {("syspro", "company_password"), ("acumatica", "client_secret"), ("sage_100", "api_key")}


def test_airflow_s_own_schemas_accept_it() -> None:
    provider = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())
    fields = json.loads(files("airflow").joinpath("customized_form_field_behaviours.schema.json").read_text())
    jsonschema.validate(get_provider_info(), provider)
    for row in TYPES.values():
        behaviour = {key.replace("-", "_"): value for key, value in row["ui-field-behaviour"].items()}
        jsonschema.validate(behaviour, fields)
        for field in row["conn-fields"].values():
            jsonschema.Draft7Validator.check_schema(field["schema"])


def test_expensify_and_every_erp_have_a_type_of_their_own() -> None:
    assert set(TYPES) == {"expensify", *ERPS}


@pytest.mark.parametrize("connection_type", sorted(EXTRAS))
def test_the_fields_are_the_extras_that_the_hooks_read(connection_type: str) -> None:
    assert set(TYPES[connection_type]["conn-fields"]) == EXTRAS[connection_type]


def test_secrets_are_typed_as_passwords_and_nothing_else_is() -> None:
    found = {
        (name, field)
        for name, row in TYPES.items()
        for field, definition in row["conn-fields"].items()
        if definition["schema"].get("format") == "password"
    }
    assert found == SECRETS


@pytest.mark.parametrize("connection_type", sorted(TYPES))
def test_login_and_password_have_the_words_of_their_system(connection_type: str) -> None:
    behaviour = TYPES[connection_type]["ui-field-behaviour"]
    assert {"login", "password"} <= set(behaviour["relabeling"])
    assert behaviour["placeholders"]["host"]


@pytest.mark.parametrize("connection_type", sorted(TYPES))
def test_the_hook_is_there_and_takes_the_connection_s_id(connection_type: str) -> None:
    module, _, name = TYPES[connection_type]["hook-class-name"].rpartition(".")
    hook: Any = getattr(import_module(module), name)
    assert hook(**{hook.conn_name_attr: "some_id"}).conn_id == "some_id"
    assert (hook.conn_type, hook.hook_name) == (connection_type, TYPES[connection_type]["hook-name"])


def test_the_distribution_declares_the_function() -> None:
    text = Path(__file__).parents[2].joinpath("provider", "pyproject.toml").read_text()
    assert (
        '[project.entry-points.apache_airflow_provider]\nprovider_info = "expensify_erp_provider:get_provider_info"'
        in text
    )


def test_where_it_is_installed_airflow_finds_it() -> None:
    found = [
        one for one in entry_points(group="apache_airflow_provider") if one.value.startswith("expensify_erp_provider")
    ]
    if not found:
        pytest.skip("the provider is not installed here: make venv installs it")
    assert found[0].load()() == get_provider_info()
