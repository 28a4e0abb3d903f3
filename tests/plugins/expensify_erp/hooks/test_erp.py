"""The tenant's ERP behind its connection: the company's name in the ledger, and the session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from expensify_erp.hooks.erp import ErpHook, erp_hook
from expensify_erp.hooks.expensify import LIMITS, ExpensifyHook
from expensify_erp.hooks.syspro import SysproHook

from include.erps.syspro.settings import SysproSettings
from include.errors import Misconfigured
from include.ledger.database import Ledger
from include.ledger.limiter import Limit

SetConnection = Callable[..., None]


def hook(ledger: Ledger | None = None, **settings: Any) -> ErpHook:
    return erp_hook(
        SysproSettings.model_validate({"type": "syspro", "connection": "syspro_a", "pool": "p", **settings}), ledger
    )


@pytest.fixture
def connect(set_connection: SetConnection) -> SetConnection:
    def connect(**fields: Any) -> None:
        given = {
            "host": "erp.example",
            "login": "ROBOT",
            "password": "robot-secret",
            "extra": {"company_id": "edu1", "company_password": "company-secret"},
        }
        set_connection("syspro_a", **(given | fields))

    return connect


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.create_if_missing()
    return ledger


@pytest.mark.parametrize(
    ("fields", "target"),
    [
        ({}, "syspro://erp.example/EDU1"),
        ({"port": 30661, "schema": "http"}, "syspro://erp.example:30661/EDU1"),
        ({"host": "https://ERP.example/", "port": 443}, "syspro://erp.example/EDU1"),
    ],
    ids=["host", "port", "another spelling"],
)
def test_the_company_is_named_by_host_and_id(connect: SetConnection, fields: dict[str, Any], target: str) -> None:
    connect(**fields)
    assert hook().target() == target


def test_a_target_of_the_tenant_file_outlives_a_renamed_host(connect: SetConnection) -> None:
    names = set()
    for host in ("old.example", "new.example"):
        connect(host=host)
        names.add(hook(target="books").target())
    assert names == {"syspro:books"}


@pytest.mark.parametrize(
    "extra", [{}, {"company_id": ""}, {"company_id": "TOO LONG"}], ids=["absent", "blank", "wrong"]
)
def test_a_connection_that_names_no_company_is_misconfigured(connect: SetConnection, extra: dict[str, str]) -> None:
    connect(extra=extra)
    with pytest.raises(Misconfigured, match=r"syspro_a does not name the company: .*`company_id`"):
        hook().target()


def test_a_session_is_made_without_asking_anybody(connect: SetConnection) -> None:
    connect(host="127.0.0.1", port=9, schema="http")
    session = hook(allow_http=True).get_conn()
    assert type(session).__name__ == "SysproErp"


def test_a_session_needs_the_company_id(connect: SetConnection) -> None:
    connect(extra={})
    with pytest.raises(Misconfigured, match="syspro_a has no `company_id`"):
        hook().get_conn()


def test_the_hook_is_the_one_that_the_registry_names(connect: SetConnection, ledger: Ledger) -> None:
    connect()
    assert isinstance(hook(ledger), SysproHook)


def test_tokens_are_kept_encrypted_in_the_ledger(
    connect: SetConnection, set_connection: SetConnection, ledger: Ledger
) -> None:
    connect()
    set_connection("expense_archive", "generic", password=Fernet.generate_key().decode())
    hook(ledger).tokens().write("syspro_a", "a-session-token")
    assert hook(ledger).tokens().read("syspro_a") == "a-session-token"
    with ledger.read() as connection:
        stored = connection.exec_driver_sql("SELECT token FROM cached_token").scalar_one()
    assert "a-session-token" not in stored


def test_a_budget_is_shared_by_all_that_name_it(connect: SetConnection, ledger: Ledger) -> None:
    from include.errors import Retryable

    connect()
    slept: list[float] = []
    first, second = (hook(ledger).budget("ifs_a", Limit(1, 3600)) for _ in range(2))
    second._sleep = slept.append  # type: ignore[attr-defined]
    first.take()
    with pytest.raises(Retryable, match="the request budget of ifs_a is used up"):
        second.take()
    assert slept == []


class TestExpensify:
    def test_its_limits_are_expensifys_own(self) -> None:
        assert list(LIMITS) == [Limit(5, 10), Limit(20, 60)]

    def test_tasks_with_the_same_login_share_one_budget_and_others_do_not(
        self, set_connection: SetConnection, ledger: Ledger
    ) -> None:
        for conn_id, login in (("e_one", "aa_same"), ("e_two", "aa_same"), ("e_other", "aa_other")):
            set_connection(conn_id, host="127.0.0.1", port=9, schema="http", login=login, password="secret-1")
            ExpensifyHook(conn_id, ledger, 5).get_conn()._budget.take()  # type: ignore[attr-defined]
        with ledger.read() as connection:
            rows = connection.exec_driver_sql("SELECT budget, json_array_length(taken_at) FROM limiter").all()
        assert sorted(count for _, count in rows) == [1, 2]
        assert not any("aa_" in name for name, _ in rows), "a login is half a credential"

    def test_a_rotated_key_is_used_by_the_next_client(self, set_connection: SetConnection, ledger: Ledger) -> None:
        seen = []
        for secret in ("first-secret", "second-secret"):
            set_connection("e_one", host="127.0.0.1", login="aa", password=secret)
            client = ExpensifyHook("e_one", ledger, 5).get_conn()
            seen.append(client._http.masked(f"<{secret}>"))  # type: ignore[attr-defined]
        assert seen == ["<***>", "<***>"]

    def test_a_missing_connection_is_misconfigured(self, set_connection: SetConnection, ledger: Ledger) -> None:
        with pytest.raises(Misconfigured, match="the connection e_gone does not exist"):
            ExpensifyHook("e_gone", ledger, 5).get_conn()
