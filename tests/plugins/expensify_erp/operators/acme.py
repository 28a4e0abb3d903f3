"""What the tasks of the tenant ``acme`` find in their environment: its connections, and where its file lies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def environment(folder: Path, port: int, erp: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """With the tenant files, ``ledger.db`` and the raw exports in ``folder``, and Expensify on a port of this machine.

    ``erp`` are the connections to ERPs by name, in capitals.
    """
    connections: dict[str, Mapping[str, Any]] = {
        "EXPENSE_LEDGER": {"conn_type": "sqlite", "host": str(folder / "ledger.db")},
        "EXPENSE_ARCHIVE": {
            "conn_type": "generic",
            "host": (folder / "archive").as_uri(),
            "password": "dGhpcyBrZXkgaXMgZm9yIHRoZSB0ZXN0cyBhbG9uZSE=",
        },
        "EXPENSIFY_ACME": {
            "conn_type": "http",
            "host": "127.0.0.1",
            "port": port,
            "schema": "http",
            "login": "aa_acme",
            "password": "acme-secret",
        },
        **erp,
    }
    return {
        "EXPENSIFY_ERP_TENANTS": str(folder / "tenants"),
        **{f"AIRFLOW_CONN_{name}": json.dumps(connection) for name, connection in connections.items()},
    }
