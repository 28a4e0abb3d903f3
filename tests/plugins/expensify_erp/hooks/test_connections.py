"""A connection that nobody could be asked about is not an absent one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import supervisor, task_runner
from airflow.sdk.execution_time.comms import ErrorResponse
from airflow.sdk.execution_time.secrets.execution_api import ExecutionAPISecretsBackend
from airflow.secrets.environment_variables import EnvironmentVariablesBackend
from expensify_erp.hooks.archive import ArchiveHook
from expensify_erp.hooks.connections import connection_if_any, connection_of
from expensify_erp.hooks.ledger import LedgerHook

from include.errors import Misconfigured, Retryable

SetConnection = Callable[..., None]


class Server:
    """Stands for the pipe to the task's supervisor; answers each question alike."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def send(self, message: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class BrokenVault:
    def get_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        raise TimeoutError("the vault is sealed")


def error(kind: ErrorType) -> ErrorResponse:
    return ErrorResponse(error=kind, detail={})


@pytest.fixture
def in_a_task(monkeypatch: pytest.MonkeyPatch, set_connection: SetConnection) -> Callable[..., None]:
    """``in_a_task(answer)``: Airflow's own places, as in a running task, with a server that answers so."""

    def begin(answer: Any, *more: Any) -> None:
        places = [*more, EnvironmentVariablesBackend(), ExecutionAPISecretsBackend()]
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Server(answer), raising=False)
        monkeypatch.setattr(supervisor, "ensure_secrets_backend_loaded", lambda: places)

    return begin


ABSENT = [error(ErrorType.CONNECTION_NOT_FOUND), AirflowRuntimeError(error(ErrorType.CONNECTION_NOT_FOUND))]
UNANSWERED = [
    error(ErrorType.API_SERVER_ERROR),
    AirflowRuntimeError(error(ErrorType.API_SERVER_ERROR)),
    AirflowRuntimeError(error(ErrorType.GENERIC_ERROR)),
    EOFError("Request socket closed"),
    None,
]


@pytest.mark.parametrize("answer", ABSENT, ids=["answered", "raised"])
def test_a_connection_that_the_server_does_not_have_is_absent(in_a_task: Callable[..., None], answer: Any) -> None:
    in_a_task(answer)
    assert connection_if_any("expense_ledger") is None
    with pytest.raises(Misconfigured, match="the connection syspro_a does not exist: make it under Admin"):
        connection_of("syspro_a")


@pytest.mark.parametrize("answer", UNANSWERED, ids=["answered 500", "raised 500", "generic", "pipe", "nothing"])
def test_a_server_that_does_not_answer_leaves_it_open(in_a_task: Callable[..., None], answer: Any) -> None:
    in_a_task(answer)
    with pytest.raises(Retryable, match="the connection expense_ledger cannot be read now"):
        connection_if_any("expense_ledger")


def test_a_secrets_backend_that_does_not_answer_leaves_it_open(in_a_task: Callable[..., None]) -> None:
    in_a_task(ABSENT[0], BrokenVault())
    with pytest.raises(Retryable, match=r"BrokenVault: TimeoutError") as caught:
        connection_if_any("expense_ledger")
    assert "sealed" not in str(caught.value)


def test_an_outage_never_opens_another_ledger_or_archive(in_a_task: Callable[..., None]) -> None:
    """The default ledger is empty: every report would look new in it, and every `close` of a person forgotten."""
    in_a_task(error(ErrorType.API_SERVER_ERROR))
    with pytest.raises(Retryable):
        LedgerHook().get_conn()
    with pytest.raises(Retryable):
        ArchiveHook().keys()


def test_a_connection_in_the_environment_needs_no_server(
    in_a_task: Callable[..., None], set_connection: SetConnection
) -> None:
    in_a_task(error(ErrorType.API_SERVER_ERROR))
    set_connection("syspro_a", host="erp.example")
    assert connection_of("syspro_a").host == "erp.example"
