"""A thousand tenants parsed as Airflow parses DAG files, against the same DAGs written by hand and against dag-factory."""

from __future__ import annotations

from bench.companies import PROJECT, write_factory, write_static, write_tenants
from bench.measure import AIRFLOW, WORK, Result, Side, at_most, compared, faster

TENANTS = 1000


def measure(repeats: int) -> list[Result]:
    """Two lines."""
    environment = {
        "EXPENSIFY_ERP_TENANTS": str(write_tenants(WORK / f"tenants-{TENANTS}", TENANTS)),
        **AIRFLOW,
    }
    ours = Side("dagbag", (str(PROJECT / "dags" / "expenses.py"), str(TENANTS)))
    by_hand = Side("dagbag", (str(write_static(WORK / f"static-{TENANTS}", TENANTS)), str(TENANTS)))
    factory = Side("dagbag", (str(write_factory(WORK / f"factory-{TENANTS}", TENANTS)), str(TENANTS)))
    what = f"parse {TENANTS:,} tenants"
    own, static = compared(ours, by_hand, repeats, environment)
    own_again, built = compared(ours, factory, repeats, environment)
    return [
        at_most("parse", what, f"{TENANTS:,} DAGs written by hand, one file", own, static, 1.25),
        faster("parse", what, f"dag-factory, {TENANTS:,} DAGs of five empty tasks", own_again, built, 2.5),
    ]
