"""Where this Airflow keeps its files."""

import os


def airflow_home() -> str:
    """AIRFLOW_HOME, as Airflow itself resolves it."""
    return os.path.expanduser(os.environ.get("AIRFLOW_HOME", "~/airflow"))
