"""Measuring two things side by side, each in fresh processes, in turns."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
WORK = PROJECT / ".run" / "bench"
AIRFLOW = {"AIRFLOW_HOME": str(WORK / "airflow"), "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "900"}
"""For sides that parse DAGs; the time-out, because a busy machine must give a figure, not an error."""


@dataclass(frozen=True)
class Side:
    """A module of :mod:`bench.sides` with its arguments."""

    module: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds by the clock and of processors, peak memory of the whole process in MiB, what it reported."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    report: str = ""


@dataclass(frozen=True)
class Result:
    """One line of the table.

    ``ours`` and ``theirs`` are for reading only; ``ratio`` is what was aimed at, compared with ``target``.
    """

    row: str
    what: str
    against: str
    ours: str
    theirs: str
    ratio: float | None
    target: str
    is_met: bool | None


def run(side: Side, environment: dict[str, str] | None = None) -> Cost:
    """Run one side in a fresh process.

    :raises RuntimeError: it failed; the text is what it wrote.
    """
    done = subprocess.run(
        [sys.executable, "-m", "bench.child", side.module, *side.arguments],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": f"{PROJECT}:{PROJECT / 'plugins'}", **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{side.module} {' '.join(side.arguments)} failed:\n{done.stderr[-3000:]}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def compared(ours: Side, theirs: Side, repeats: int, environment: dict[str, str] | None = None) -> tuple[Cost, Cost]:
    """The medians of both, run in turns, so that a busy neighbour meets both alike."""
    pairs = [(run(ours, environment), run(theirs, environment)) for _ in range(repeats)]
    return median([own for own, _ in pairs]), median([other for _, other in pairs])


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure; the report of the last."""
    return Cost(
        statistics.median(cost.wall_s for cost in costs),
        statistics.median(cost.cpu_s for cost in costs),
        statistics.median(cost.peak_mib for cost in costs),
        costs[-1].report,
    )


def at_most(row: str, what: str, against: str, ours: Cost, theirs: Cost, most: float) -> Result:
    """A line that aims at costing at most ``most`` times what the other side costs, in processor time."""
    ratio = ours.cpu_s / theirs.cpu_s
    return Result(row, what, against, written(ours), written(theirs), ratio, f"<= {most:g}x", ratio <= most)


def faster(row: str, what: str, against: str, ours: Cost, theirs: Cost, least: float) -> Result:
    """A line that aims at being at least ``least`` times as fast, in processor time."""
    ratio = theirs.cpu_s / ours.cpu_s
    return Result(row, what, against, written(ours), written(theirs), ratio, f">= {least:g}x faster", ratio >= least)


def written(cost: Cost) -> str:
    """``12.34 s cpu, 13.20 s, 345 MiB``."""
    return f"{cost.cpu_s:.2f} s cpu, {cost.wall_s:.2f} s, {cost.peak_mib:.0f} MiB"
