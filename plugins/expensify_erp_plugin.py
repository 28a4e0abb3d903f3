"""The package's one Airflow plugin: what Airflow loads from the plugins folder."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "plugins"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from airflow.plugins_manager import AirflowPlugin  # noqa: E402
from expensify_erp import pool_listener  # noqa: E402


class ExpensifyErpPlugin(AirflowPlugin):
    """Registers the listener that makes a missing pool visible."""

    name = "expensify_erp"
    listeners = [pool_listener]  # noqa: RUF012 (Airflow's own interface)
