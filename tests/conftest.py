"""Before any test imports Airflow: its home is in the project's own ``.run/``, never in the person's home folder."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

# One home per test process: Airflow writes its configuration file on import, and two writers would meet.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "single")
_home = PROJECT / ".run" / "tests" / _worker
_home.mkdir(parents=True, exist_ok=True)
os.environ["AIRFLOW_HOME"] = str(_home)
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
