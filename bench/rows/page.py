"""Each screen of the ledger page over a million expenses, against the same screen over a thousand."""

from __future__ import annotations

import json
import statistics

from bench.ledgers import LARGE, SMALL, ledger_of
from bench.measure import AIRFLOW, WORK, Result, Side, run

MOST = 2.0


def measure(repeats: int) -> list[Result]:
    """One line per screen: processor time of one request, median over the requests and the runs."""
    large, small = (Side("page", (str(ledger_of(books, WORK)),)) for books in (LARGE, SMALL))
    pairs = [(json.loads(run(large, AIRFLOW).report), json.loads(run(small, AIRFLOW).report)) for _ in range(repeats)]
    results = []
    for name in pairs[0][0]:
        big, little = (statistics.median(pair[side][name]["cpu_s"] for pair in pairs) for side in (0, 1))
        rows = tuple(pairs[0][side][name]["rows"] for side in (0, 1))
        results.append(
            Result(
                "page",
                f"{name}, {LARGE.expenses:,} expenses",
                f"{SMALL.expenses:,} expenses",
                f"{big * 1000:.1f} ms cpu, {rows[0]:.0f} rows",
                f"{little * 1000:.1f} ms cpu, {rows[1]:.0f} rows",
                big / little,
                f"<= {MOST:g}x",
                big / little <= MOST,
            )
        )
    return results
