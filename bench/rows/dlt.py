"""The same million expense lines against dlt loading the file into SQLite."""

from __future__ import annotations

from bench.data import write_export
from bench.measure import WORK, Result, Side, compared, faster
from bench.rows.intake import EXPENSES


def measure(repeats: int) -> list[Result]:
    """One line. dlt takes minutes, so each side runs once."""
    export = str(write_export(WORK / f"{EXPENSES}.jsonl", EXPENSES))
    ours, theirs = compared(Side("intake_ours", (export,)), Side("intake_dlt", (export,)), min(repeats, 1))
    return [faster("dlt", f"{EXPENSES:,} expense lines, as above", "dlt to SQLite", ours, theirs, 4)]
