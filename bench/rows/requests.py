"""Requests per journal to each ERP and per run to Expensify, counted by the simulated servers. Exact, so nothing is repeated."""

from __future__ import annotations

from importlib import import_module

from bench.measure import Result
from tests.include.erps.requests_per_journal import requests_of_posting

JOURNALS = 300
# Look-up and create; IFS Cloud looks in two places and asks for a template, Dynamics GP tells the number only when asked again.
# SYSPRO asks once more per period.
TARGETS = {
    ("syspro", "SysproAdapter"): 2 + 1 / JOURNALS,
    ("syspro", "SysproSoapAdapter"): 2 + 1 / JOURNALS,
    ("syspro", "SysproInvoiceAdapter"): 2 + 1 / JOURNALS,
    ("acumatica", "BillAdapter"): 2.0,
    ("acumatica", "JournalAdapter"): 2.0,
    ("dynamics_gp", "SoapAdapter"): 3.0,
    ("dynamics_gp", "SbaAdapter"): 3.0,
    ("sage_100", "AgentAdapter"): 2.0,
    ("sage_100", "SoapAdapter"): 2.0,
    ("ifs_cloud", "IfsCloudAdapter"): 4.0,
}
ALLOWANCE = 1.1


def measure(repeats: int) -> list[Result]:
    """One line per ERP and document; what a run costs Expensify is asserted in the tests."""
    results = []
    for (erp, name), target in TARGETS.items():
        adapter = getattr(import_module(f"tests.include.erps.{erp}.test_conformance"), name)()
        counted = requests_of_posting(adapter, JOURNALS)
        each = counted.total() / JOURNALS
        by_operation = ", ".join(f"{times} {operation}" for operation, times in sorted(counted.items()))
        what = f"{erp} {name.removesuffix('Adapter')}: requests per journal at {JOURNALS}"
        results.append(
            Result(
                "requests",
                what,
                f"{target:.2f}",
                f"{each:.2f} ({by_operation})",
                "",
                each / target,
                f"<= {ALLOWANCE}x",
                each <= target * ALLOWANCE,
            )
        )
    return results
