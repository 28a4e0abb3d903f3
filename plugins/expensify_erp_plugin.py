"""The package's one Airflow plugin: what Airflow loads from the plugins folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "plugins"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from airflow.plugins_manager import AirflowPlugin  # noqa: E402
from expensify_erp import pool_listener  # noqa: E402
from expensify_erp.page.entry import EXTERNAL_VIEW  # noqa: E402


class ExpensifyErpPlugin(AirflowPlugin):
    """Registers the listener that makes a missing pool visible, and the ledger page with its place in the navigation."""

    name = "expensify_erp"
    listeners = [pool_listener]  # noqa: RUF012 (Airflow's own interface)
    external_views = [EXTERNAL_VIEW]  # noqa: RUF012

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The page. Made only where it is asked for: every task loads this file too, and needs no web framework."""
        from expensify_erp.page.app import fastapi_app

        return [fastapi_app()]
