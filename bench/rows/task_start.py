"""What a task's start pays for parsing with a thousand tenants, against one tenant."""

from __future__ import annotations

from bench.companies import PROJECT, write_tenants
from bench.measure import AIRFLOW, WORK, Cost, Result, Side, at_most, median, run

TENANTS = 1000


def measure(repeats: int) -> list[Result]:
    """One line. The difference to be seen is small, so there are more repeats."""
    side = Side("task_start", (str(PROJECT / "dags" / "expenses.py"), "expenses__tenant_0"))
    home = AIRFLOW
    many, one = (
        {**home, "EXPENSIFY_ERP_TENANTS": str(write_tenants(WORK / f"tenants-{count}", count))}
        for count in (TENANTS, 1)
    )
    pairs: list[tuple[Cost, Cost]] = [(run(side, many), run(side, one)) for _ in range(3 * repeats)]
    with_many, with_one = median([pair[0] for pair in pairs]), median([pair[1] for pair in pairs])
    what = f"parse share of one task's start with {TENANTS:,} tenants"
    return [at_most("task_start", what, "with 1 tenant", with_many, with_one, 1.05)]
