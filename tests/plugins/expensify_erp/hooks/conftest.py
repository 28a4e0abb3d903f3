import json
from collections.abc import Callable

import pytest
from airflow.sdk.execution_time.cache import SecretCache

SetConnection = Callable[..., None]


@pytest.fixture
def set_connection(monkeypatch: pytest.MonkeyPatch) -> SetConnection:
    """``set_connection("erp_a", host="h", extra={...})`` puts a connection into the environment, as a deployment may."""
    SecretCache.reset()

    def put(conn_id: str, conn_type: str = "http", **fields: object) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps({"conn_type": conn_type, **fields}))

    return put
