"""A run of 300 journals through a real scheduler with LocalExecutor, against a DAG of empty tasks of the same shape."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.measure import Result, at_most, median
from bench.scheduled import running

JOURNALS = int(os.environ.get("BENCH_JOURNALS", "300"))
WARM_UP = 4


def measure(repeats: int) -> list[Result]:
    """Two lines, processor time and wall time. Both DAGs run once with few tasks before anything is measured."""
    home = Path(tempfile.mkdtemp(prefix="bench-airflow-"))
    try:
        with running(home) as both:
            both.post(WARM_UP)
            both.nothing(WARM_UP)
            pairs = []
            for _ in range(repeats):
                ours, boxes = both.post(JOURNALS)
                pairs.append((ours, both.nothing(boxes)))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    own, empty = median([pair[0] for pair in pairs]), median([pair[1] for pair in pairs])
    what = f"{JOURNALS} journals in {boxes} load boxes, LocalExecutor"
    against = f"a DAG of {boxes + 4} empty tasks"
    cpu = at_most("scheduler", f"{what}: cpu", against, own, empty, 1.3)
    ours_by_clock, empty_by_clock = (replace(cost, cpu_s=cost.wall_s) for cost in (own, empty))
    wall = at_most("scheduler", f"{what}: wall", against, ours_by_clock, empty_by_clock, 1.3)
    texts = [f"{one.cpu_s:.1f} s cpu, {one.wall_s:.1f} s" for one in (own, empty)]
    return [replace(line, ours=texts[0], theirs=texts[1]) for line in (cpu, wall)]
