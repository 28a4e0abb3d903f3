"""Checks every tenant file for the Airflow DAG processor: one import error that names each file, key and expectation.

It defines no DAG. The good tenants' DAGs come from ``expenses.py`` and are not affected.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from airflow.sdk import get_parsing_context  # noqa: E402

from include.settings.catalogue import TenantFileError, load_all  # noqa: E402

if get_parsing_context().dag_id is None:
    errors = load_all().errors
    if errors:
        raise TenantFileError("\n".join(errors[name] for name in sorted(errors)))
