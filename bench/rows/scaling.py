"""Cost in proportion to the work: expenses by tens, tenants by tens."""

from __future__ import annotations

from bench.companies import PROJECT, write_tenants
from bench.data import write_export
from bench.measure import AIRFLOW, WORK, Cost, Result, Side, run
from bench.rows.intake import EXPENSES as LARGEST

EXPENSES = tuple(size for size in (10_000, 100_000, 1_000_000) if size <= LARGEST)
TENANTS = (1, 100, 1000)


def measure(repeats: int) -> list[Result]:
    """One line per size: what each further expense or tenant costs, beside what it costs at the size before."""
    intake = [run(Side("intake_ours", (str(write_export(WORK / f"{size}.jsonl", size)),))) for size in EXPENSES]
    parse = []
    for count in TENANTS:
        folder = write_tenants(WORK / f"tenants-{count}", count)
        environment = {"EXPENSIFY_ERP_TENANTS": str(folder), **AIRFLOW}
        parse.append(run(Side("dagbag", (str(PROJECT / "dags" / "expenses.py"), str(count))), environment))
    return [*_lines("expenses", EXPENSES, intake), *_lines("tenants", TENANTS, parse)]


def _lines(unit: str, sizes: tuple[int, ...], costs: list[Cost]) -> list[Result]:
    lines = []
    for at, (size, cost) in enumerate(zip(sizes, costs, strict=True)):
        each = f"{cost.cpu_s / size * 1e6:.0f} us cpu each, {cost.cpu_s:.2f} s, {cost.peak_mib:.0f} MiB"
        if at == 0:
            lines.append(Result("scaling", f"{size:,} {unit}", "", each, "", None, "", None))
            continue
        before = costs[at - 1].cpu_s / sizes[at - 1]
        ratio = cost.cpu_s / size / before
        lines.append(
            Result("scaling", f"{size:,} {unit}", f"{sizes[at - 1]:,}, each", each, "", ratio, "<= 1.2x", ratio <= 1.2)
        )
    return lines
