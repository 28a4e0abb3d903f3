"""From an Airflow connection to an address with credentials."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from expensify_erp.hooks import endpoint
from expensify_erp.hooks.connections import connection_of
from expensify_erp.hooks.endpoint import Endpoint, endpoint_of

from include.errors import Misconfigured

SetConnection = Callable[..., None]


@pytest.fixture
def read(set_connection: SetConnection) -> Callable[..., Endpoint]:
    def read(**fields: Any) -> Endpoint:
        set_connection("erp_a", **({"host": "erp.example", "login": "robot", "password": "robot-secret"} | fields))
        return endpoint_of(connection_of("erp_a"))

    return read


@pytest.mark.parametrize(
    ("fields", "base_url", "host"),
    [
        ({"host": "erp.example"}, "https://erp.example", "erp.example"),
        ({"host": "erp.example", "schema": "http"}, "http://erp.example", "erp.example"),
        ({"host": "erp.example", "port": 8443}, "https://erp.example:8443", "erp.example:8443"),
        ({"host": "http://erp.example", "port": 8080}, "http://erp.example:8080", "erp.example:8080"),
        ({"host": "https://erp.example/", "schema": "http"}, "https://erp.example", "erp.example"),
        ({"host": "HTTPS://ERP.Example"}, "https://erp.example", "erp.example"),
        ({"host": "erp.example", "port": 443}, "https://erp.example", "erp.example"),
        ({"host": "http://erp.example", "port": 80}, "http://erp.example", "erp.example"),
        ({"host": "erp.example", "port": 80}, "https://erp.example:80", "erp.example:80"),
    ],
    ids=[
        "bare host",
        "schema",
        "port",
        "scheme and port",
        "scheme in host wins",
        "upper case",
        "the scheme's own port",
        "http's own port",
        "another scheme's port",
    ],
)
def test_the_address(read: Callable[..., Endpoint], fields: dict[str, Any], base_url: str, host: str) -> None:
    found = read(**fields)
    assert (found.base_url, found.host) == (base_url, host)


def test_credentials_and_extra_are_taken_as_they_are(read: Callable[..., Endpoint]) -> None:
    found = read(login="DOM\\Robot", password="P:/@ä %", extra={"company_id": "EDU1"})
    assert (found.login, found.password, found.extra) == ("DOM\\Robot", "P:/@ä %", {"company_id": "EDU1"})
    assert found.conn_id == "erp_a"


@pytest.mark.parametrize("field", ["host", "login", "password"])
@pytest.mark.parametrize("empty", [None, ""], ids=["absent", "blank"])
def test_a_missing_field_is_named_with_its_connection(
    read: Callable[..., Endpoint], field: str, empty: str | None
) -> None:
    with pytest.raises(Misconfigured, match=f"the connection erp_a has no {field}: fill it in"):
        read(**{field: empty})


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), ("true", True), ("False", False), ("TRUE", True)],
    ids=["true", "false", "text true", "text False", "text TRUE"],
)
def test_verify(read: Callable[..., Endpoint], value: object, expected: bool) -> None:
    assert read(extra={"verify": value}).verify is expected


def test_tls_is_verified_unless_the_connection_says_otherwise(read: Callable[..., Endpoint]) -> None:
    assert read().verify is True


@pytest.mark.parametrize("left_empty", [None, ""], ids=["null", "blank"])
def test_a_field_that_a_form_left_empty_is_not_given(read: Callable[..., Endpoint], left_empty: str | None) -> None:
    found = read(extra={"verify": left_empty, "company_password": left_empty, "company_id": "EDU1"})
    assert (found.verify, found.extra) == (True, {"company_id": "EDU1"})


def test_verify_takes_the_path_of_a_bundle(read: Callable[..., Endpoint], tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    assert read(extra={"verify": str(bundle)}).verify == str(bundle)


@pytest.mark.parametrize("value", [0, 1, "yes", ["true"], "/nowhere/ca.pem"], ids=repr)
def test_a_verify_that_is_neither_is_refused_before_anything_is_sent(
    read: Callable[..., Endpoint], value: object
) -> None:
    with pytest.raises(Misconfigured, match="the connection erp_a has `verify` = "):
        read(extra={"verify": value})


@pytest.mark.parametrize("fields", [{"schema": "EDU1"}, {"host": "ftp://erp.example"}], ids=["schema", "host"])
def test_another_scheme_than_http_is_refused(read: Callable[..., Endpoint], fields: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match="use http or https"):
        read(**fields)


def test_every_secret_is_masked_in_logs(read: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch) -> None:
    masked: list[str] = []
    monkeypatch.setattr(endpoint, "mask_secret", masked.append)
    read(
        password="pass-word",
        extra={
            "company_password": "company-pass",
            "client_secret": "client-sec",
            "apiKey": "api-key-1",
            "refresh_token": "tok-tok",
            "company_id": "EDU1",
            "token_path": "",
        },
    )
    assert sorted(masked) == ["api-key-1", "client-sec", "company-pass", "pass-word", "tok-tok"]
