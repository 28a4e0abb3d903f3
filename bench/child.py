"""One measured process: ``python -m bench.child <module of bench.sides> [argument ...]``. Prints one JSON line."""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time


def main() -> None:
    """Prepare, then time. Processor time counts the process and the children it waited for."""
    module, *arguments = sys.argv[1:]
    timed = importlib.import_module(f"bench.sides.{module}").prepare(*arguments)
    wall, cpu = time.perf_counter(), _cpu()
    report = timed()
    wall, cpu = time.perf_counter() - wall, _cpu() - cpu
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    print(json.dumps({"wall_s": wall, "cpu_s": cpu, "peak_mib": peak, "report": report or ""}))


def _cpu() -> float:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


if __name__ == "__main__":
    main()
