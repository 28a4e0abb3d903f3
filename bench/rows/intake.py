"""A million expense lines, from the raw export to journals with every expense claimed, against the least there is to do."""

from __future__ import annotations

import os

from bench.data import write_export
from bench.measure import WORK, Result, Side, at_most, compared

EXPENSES = int(os.environ.get("BENCH_EXPENSES", "1000000"))
MOST_MIB = 1536


def measure(repeats: int) -> list[Result]:
    """Two lines: time, and peak memory of the whole process."""
    export = str(write_export(WORK / f"{EXPENSES}.jsonl", EXPENSES))
    ours, limit = compared(Side("intake_ours", (export,)), Side("intake_limit", (export,)), repeats)
    what = f"{EXPENSES:,} expense lines: raw export to claimed journals ({ours.report})"
    memory = f"{ours.peak_mib:.0f} MiB"
    return [
        at_most("intake", what, "orjson + polars group-by + one bulk insert", ours, limit, 1.5),
        Result("intake", "its peak memory", "", memory, "", None, f"<= {MOST_MIB} MiB", ours.peak_mib <= MOST_MIB),
    ]
