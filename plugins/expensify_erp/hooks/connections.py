"""Reading Airflow connections without taking an unanswered question for "there is none".

Airflow says that a connection is not defined also when its API server or a secrets backend did not answer. Falling back to a
default then would open another, empty ledger for the length of the outage.
"""

from __future__ import annotations

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError, ErrorType

from include.errors import Misconfigured, Retryable


def connection_of(conn_id: str) -> Connection:
    """The connection.

    :raises Misconfigured: it does not exist. :raises Retryable: Airflow cannot tell now.
    """
    found = connection_if_any(conn_id)
    if found is None:
        raise Misconfigured(f"the connection {conn_id} does not exist: make it under Admin > Connections")
    return found


def connection_if_any(conn_id: str) -> Connection | None:
    """The connection, or ``None`` where every place that may hold it says that it does not.

    :raises Retryable: one of them did not answer.
    """
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return _asked_again(conn_id)


def _asked_again(conn_id: str) -> Connection | None:
    """Ask each place that Airflow asks, and let its errors through; Airflow only logs them."""
    from airflow.sdk.execution_time.secrets.execution_api import ExecutionAPISecretsBackend
    from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

    for backend in ensure_secrets_backend_loaded():
        try:
            if isinstance(backend, ExecutionAPISecretsBackend):
                _require_absent_at_server(conn_id)
                continue
            found = backend.get_connection(conn_id=conn_id)
        except Exception as error:  # a backend may raise anything
            raise Retryable(
                f"the connection {conn_id} cannot be read now ({type(backend).__name__}: {type(error).__name__})"
            ) from error
        if found is not None:
            return BaseHook.get_connection(conn_id)
    return None


def _require_absent_at_server(conn_id: str) -> None:
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse, GetConnection

    try:
        answer = task_runner.SUPERVISOR_COMMS.send(GetConnection(conn_id=conn_id))
    except AirflowRuntimeError as error:
        answer = error.error
    if not (isinstance(answer, ErrorResponse) and answer.error is ErrorType.CONNECTION_NOT_FOUND):
        raise LookupError("no answer from the API server")
