"""A thousand tenants parsed as Airflow parses DAG files, against the same DAGs written by hand and against dag-factory."""

from __future__ import annotations

from dataclasses import replace

from bench.companies import PROJECT, write_empty_factory, write_factory, write_static, write_tenants
from bench.measure import AIRFLOW, WORK, Result, Side, at_most, compared, faster

TENANTS = 1000


def measure(repeats: int) -> list[Result]:
    """Three lines; the last has no target, because what it is compared with does much less."""
    environment = {
        "EXPENSIFY_ERP_TENANTS": str(write_tenants(WORK / f"tenants-{TENANTS}", TENANTS)),
        "DO_NOT_TRACK": "1",
        **AIRFLOW,
    }
    ours = Side("dagbag", (str(PROJECT / "dags" / "expenses.py"), str(TENANTS)))
    by_hand = Side("dagbag", (str(write_static(WORK / f"static-{TENANTS}", TENANTS)), str(TENANTS)))
    factory = Side("dagbag", (str(write_factory(WORK / f"factory-{TENANTS}", TENANTS)), str(TENANTS)))
    empty = Side("dagbag", (str(write_empty_factory(WORK / f"factory-empty-{TENANTS}", TENANTS)), str(TENANTS)))
    what = f"parse {TENANTS:,} tenants"
    static = f"{TENANTS:,} DAGs written by hand, one file"
    same = f"dag-factory, the same {TENANTS:,} DAGs, a YAML file each"
    less = f"dag-factory, {TENANTS:,} DAGs of five empty tasks, one YAML file"
    lines = [
        at_most("parse", what, static, *compared(ours, by_hand, repeats, environment), 1.25),
        faster("parse", what, same, *compared(ours, factory, repeats, environment), 2.5),
        faster("parse", what, less, *compared(ours, empty, repeats, environment), 2.5),
    ]
    return [*lines[:2], replace(lines[2], target="", is_met=None)]
